//! `rondo workflow`.

use std::path::Path;

use serde_json::json;

use crate::args::WorkflowVerb;
use crate::builtin;
use crate::failure::Failure;
use crate::output::{Form, document};

pub(crate) fn run(verb: &WorkflowVerb, form: Form) -> Result<(), Failure> {
    let (workflow, year) = match verb {
        WorkflowVerb::Diff { was, is } => return super::migration::diff(was, is, form),
        WorkflowVerb::Copy { workflow, to } => return copy(workflow, to, form),
        WorkflowVerb::Check { workflow, year } => (workflow, year),
    };
    let bundle = builtin::bundle(workflow)?;
    let builtin::Checked { ready, questionnaire, rules } = builtin::checked(&bundle)?;
    let definition = &ready.definition;
    let mut told = format!(
        "{} can be used: {} milestones, {} steps, {} countries, {} tables, {} rules; definition {}\n",
        definition.id,
        definition.milestones.len(),
        definition.steps.len(),
        definition.expected.len(),
        questionnaire.tables.len(),
        rules.list().count(),
        bundle.hash()
    );
    let mut remarks = rondo_scheduler::cron::remarks(definition);
    remarks.extend(ready.calendars.remarks(&bundle)?.iter().map(|remark| format!("In {remark}.")));
    told.extend(remarks.iter().map(|remark| format!("  {remark}\n")));
    let plan = year.map(|year| ready.round_plan(year).map_err(|e| Failure::usage(e.to_string()))).transpose()?;
    if let Some(plan) = &plan {
        ready.every_step_is_dated(plan).map_err(|e| Failure::usage(e.to_string()))?;
    }
    if let Some(plan) = &plan {
        for (id, moment) in &plan.milestones {
            let local = moment.local.strftime("%a %-d %b %Y %H:%M");
            // That it is a milestone of the round needs no saying; where it was moved, or is at another hour than it names, does.
            let why = Some(moment.explanation()).filter(|why| *why != format!("{id} of the round"));
            let why = why.map(|why| format!(", {why}")).unwrap_or_default();
            told.push_str(&format!("  {id}: {local} ({}){why}\n", moment.reckoned.zone));
        }
        for participant in &plan.participants {
            let deadline = &participant.deadline;
            let local = deadline.local.strftime("%a %-d %b %Y %H:%M");
            told.push_str(&format!("  deadline of {}: {local}, {}\n", participant.country, deadline.explanation()));
        }
    }
    let value = json!({
        "workflow": definition.id, "definition": bundle.hash(), "steps": definition.steps.len(), "plan": plan,
        "remarks": remarks,
    });
    document(form, value, &told)
}

/// Writes a workflow's files into a folder that holds nothing yet.
fn copy(workflow: &str, to: &Path, form: Form) -> Result<(), Failure> {
    let bundle = builtin::packed(workflow)?;
    let failed = |path: &Path, e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", path.display()));
    std::fs::create_dir_all(to).map_err(|e| failed(to, e))?;
    if std::fs::read_dir(to).map_err(|e| failed(to, e))?.next().is_some() {
        return Err(Failure::conflict(format!("{} is not empty; nothing was written", to.display())));
    }
    for (name, text) in bundle.files() {
        let path = to.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|e| failed(&path, e))?;
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    let files = bundle.files().count();
    let folder = to.display();
    let told =
        format!("{files} files of {workflow} are in {folder}; change them, then: rondo workflow check {folder}\n");
    document(form, json!({"workflow": workflow, "folder": to, "files": files}), &told)
}
