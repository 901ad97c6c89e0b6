//! `rondo check`: the rules over files, offline; never a submission.

use rondo_domain::figure::Extent;
use rondo_domain::finding::{Finding, Verdict};
use rondo_rules::{Given, Scope};
use serde_json::{Value, json};

use super::submission::read;
use crate::args::CheckArgs;
use crate::builtin;
use crate::failure::Failure;
use crate::output::{Form, hint, line};

/// Checks files and prints what the rules find.
pub(crate) fn check(args: &CheckArgs, form: Form) -> Result<(), Failure> {
    let bundle = builtin::bundle(&args.workflow)?;
    let questionnaire = rondo_questionnaire::read_questionnaire(&bundle)?;
    let rules = rondo_rules::read_rules(&bundle)?;
    let scope = Scope {
        questionnaire: &questionnaire,
        country: args.country.as_ref(),
        years: &[],
        tables: &[],
        recorded: &[],
        source: args.source.as_ref().map_or(Given::Known(&[]), Given::Said),
    };
    let mut all: Vec<(String, Finding)> = Vec::new();
    let mut extents: Vec<(String, Extent)> = Vec::new();
    let mut figures = 0;
    for path in &args.files {
        let name = path.display().to_string();
        match rondo_questionnaire::read_text(&read(path)?) {
            Ok(file) => {
                let outcome = rules.check_rows(&file.rows, file.separator, &scope);
                extents.push((name.clone(), file.extent));
                figures += outcome.sheets.iter().map(|sheet| sheet.cells.len()).sum::<usize>();
                all.extend(outcome.findings.into_iter().map(|(_, finding)| (name.clone(), finding)));
            }
            Err(error) => all.extend(rules.unreadable(error.to_string()).map(|finding| (name, finding))),
        }
    }
    print(&all, figures, &extents, form)?;
    let errors = all.iter().filter(|(_, finding)| finding.is_error()).count();
    if errors > 0 {
        let word = if errors == 1 { "error" } else { "errors" };
        return Err(Failure::findings(format!("{errors} {word}; nothing was sent")));
    }
    hint("No errors. This was a check only; send with `rondo submission send`.");
    Ok(())
}

fn print(all: &[(String, Finding)], figures: usize, extents: &[(String, Extent)], form: Form) -> Result<(), Failure> {
    let entry = |(file, finding): &(String, Finding)| {
        let mut value = json!(finding);
        value["file"] = json!(file);
        value
    };
    match form {
        Form::Json => {
            let findings: Vec<Value> = all.iter().map(entry).collect();
            let file =
                |(file, extent): &(String, Extent)| json!({"file": file, "rows": extent.rows, "lines": extent.lines});
            let files: Vec<Value> = extents.iter().map(file).collect();
            let document = json!({"version": 1, "figures": figures, "files": files, "findings": findings});
            line(&serde_json::to_string_pretty(&document).unwrap_or_default())
        }
        Form::Jsonl => all.iter().try_for_each(|found| line(&entry(found).to_string())),
        Form::Table | Form::Csv => {
            let undecided = all.iter().filter(|(_, finding)| finding.verdict == Verdict::Undecided).count();
            for (file, finding) in all.iter().filter(|(_, finding)| finding.verdict == Verdict::Fail) {
                let place = finding.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
                line(&format!("{file}{place}: {} {}: {}", finding.rule, finding.severity.as_str(), finding.message))?;
                if let Some(repair) = &finding.repair {
                    line(&format!("    hint: {} instead of {} would fit ({})", repair.to, repair.from, repair.kind))?;
                }
            }
            for (file, extent) in extents {
                line(&format!("{file}: {extent}."))?;
            }
            line(&format!("{figures} figures read; {undecided} rules undecided because something is missing."))
        }
    }
}
