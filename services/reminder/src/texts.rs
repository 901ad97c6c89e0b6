//! Mail texts of a workflow, tried before a round relies on them: each is there, begins with its subject, and can be filled in.

use std::collections::BTreeSet;

use minijinja::Environment;
use rondo_domain::workflow::{Bundle, Definition, Problem};

/// What a text may speak of.
pub(crate) const VARIABLES: [&str; 13] = [
    "name",
    "round",
    "country",
    "deadline",
    "missing",
    "missing_count",
    "owed",
    "years",
    "link",
    "contact",
    "reason",
    "task",
    "notice",
];

/// The text that stands under every mail and has no subject.
const FOOTER: &str = "mail/footer.en.txt";

/// Tries every mail text of a workflow.
///
/// # Errors
/// The first problem, with file and line: a step's text that is missing, a text without a subject, a template that cannot be
/// read, an unknown variable.
pub fn check(bundle: &Bundle, definition: &Definition) -> Result<(), Problem> {
    for step in &definition.steps {
        if let Some(text) = step.action.mail() {
            let file = format!("mail/{text}.en.txt");
            if bundle.text(&file).is_err() {
                let message = format!("the step {} sends the mail `{text}`, but there is no {file}", step.id);
                let kinds: Vec<&str> = bundle.below("mail").filter_map(|(name, _)| kind(name)).collect();
                return Err(Problem::of_file("workflow.toml", message).suggest(text, kinds));
            }
        }
    }
    bundle.text(FOOTER)?;
    let texts = bundle.below("mail").filter_map(|(name, text)| Some((name, kind(name)?, text)));
    texts.into_iter().try_for_each(|(name, kind, text)| one(&format!("mail/{name}"), kind, text))
}

/// The kind of mail that a file `KIND.LANGUAGE.txt` is a text of.
fn kind(name: &str) -> Option<&str> {
    name.strip_suffix(".txt")?.split('.').next()
}

fn one(file: &str, kind: &str, text: &str) -> Result<(), Problem> {
    if !text.starts_with("Subject: ") && kind != "footer" {
        return Err(Problem::of_file(file, "the first line of a mail is `Subject: …`"));
    }
    let environment = Environment::new();
    let template = environment.template_from_str(text).map_err(|error| {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Problem::on_line(file, error.line().unwrap_or(1), format!("the text cannot be filled in: {what}"))
    })?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    match used.iter().find(|variable| !VARIABLES.contains(&variable.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let offset = text.find(unknown.as_str()).unwrap_or(0);
            let message = format!("`{unknown}` is nothing a mail knows; it knows {}", VARIABLES.join(", "));
            Err(Problem::at(file, text, offset, message).suggest(unknown, VARIABLES))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_text_is_placed() {
        let told = |text: &str| one("mail/x.en.txt", "x", text).unwrap_err().to_string();
        assert!(one("mail/x.en.txt", "x", "Subject: {{ round }}\n\nDear {{ name }}").is_ok());
        assert!(told("Dear {{ name }}").contains("mail/x.en.txt:1:1: the first line"));
        assert!(told("Subject: x\n\nDear {{ nmae }}").starts_with("mail/x.en.txt:3:9: `nmae`"));
        assert!(told("Subject: x\n\nDear {{ nmae }}").contains("did you mean `name`?"));
        assert!(told("Subject: x\n\nDear {{ name").starts_with("mail/x.en.txt:3:"));
    }
}
