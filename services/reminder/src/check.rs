//! Mail texts tried before a round relies on them: each is there, can be read, and can be filled in with whatever may be true.

use std::collections::BTreeSet;

use minijinja::Environment;
use rondo_domain::workflow::{Action, Bundle, Definition, Problem, Step, line_of_key};

use crate::bounds;
use crate::compose::{fill, one_line, page};
use crate::facts::Facts;
use crate::texts::{FOOTER, SEVERAL, SHELL, SHELL_VARIABLES, Sentences, Texts, VARIABLES, written};

/// Tries every mail text of a workflow.
///
/// # Errors
/// The first problem, with file and line: a step's text that is missing, a text that no step sends or that is in no language
/// there is, one without a subject, a template that cannot be read or filled in, an unknown variable.
pub fn texts(bundle: &Bundle, definition: &Definition) -> Result<(), Problem> {
    // A file with line ends of another kind is not even taken apart.
    for (name, text) in bundle.below("mail").filter(|(name, _)| name.ends_with(".txt")) {
        bounds::hold(&format!("mail/{name}"), text)?;
    }
    let texts = Texts::read(bundle.clone())?;
    are_there(&texts, definition)?;
    languages(&texts, definition)?;
    can_be_filled_in(FOOTER, 1, texts.footer()?, &VARIABLES)?;
    for (name, text) in bundle.below("mail") {
        let file = format!("mail/{name}");
        if let Some(stem) = name.strip_suffix(".txt").filter(|_| file != FOOTER) {
            is_sent(&texts, &file, stem)?;
            text_of(&file, text)?;
        }
    }
    for (language, sentences) in &texts.sentences {
        sentences_of(&texts, &format!("mail/sentences.{language}.toml"), sentences)?;
    }
    let Some(html) = &texts.shell else { return Ok(()) };
    known_variables(SHELL, html, &SHELL_VARIABLES)?;
    if html.contains("{{ body }}") {
        let filled = page(html, "subject", &Facts::full().round, "body", "en");
        return filled.map(|_| ()).map_err(|error| Problem::of_file(SHELL, error.told().1));
    }
    Err(Problem::of_file(SHELL, "the mail itself stands nowhere: the shell has no `{{ body }}`"))
}

/// Whether every mail that can be sent has a text.
fn are_there(texts: &Texts, definition: &Definition) -> Result<(), Problem> {
    for step in &definition.steps {
        if let Some(text) = step.action.mail()
            && texts.text(text, "en")?.is_none()
        {
            let message = format!("the step {} sends the mail `{text}`, but there is no mail/{text}.en.txt", step.id);
            return Err(Problem::of_file("workflow.toml", message));
        }
    }
    let copies = |step: &&Step| matches!(&step.action, Action::Mail { copy, .. } if !copy.is_empty());
    if let Some(step) = definition.steps.iter().find(copies)
        && texts.sentences("en").is_none_or(|sentences| sentences.copy.is_empty())
    {
        let message = format!("the step {} sends copies: the sentence `copy` says above one what it is", step.id);
        return Err(Problem::of_file("mail/sentences.en.toml", message));
    }
    if definition.gather_minutes > 0 && texts.text(SEVERAL, "en")?.is_none() {
        let text = texts.bundle.text("workflow.toml")?;
        let message = format!("mail is gathered, but there is no mail/{SEVERAL}.en.txt");
        return Err(Problem::on_line("workflow.toml", line_of_key(text, "gather-minutes"), message));
    }
    Ok(())
}

/// Whether there is something in the language of every country.
fn languages(texts: &Texts, definition: &Definition) -> Result<(), Problem> {
    const FILE: &str = "participants.toml";
    let known = texts.languages();
    let Some(expected) = definition.expected.iter().find(|expected| !known.contains(&expected.language)) else {
        return Ok(());
    };
    let text = texts.bundle.text(FILE)?;
    let offset = text.find(&format!("\"{}\"", expected.country)).unwrap_or(0);
    let (country, language) = (&expected.country, &expected.language);
    let message = format!("{country} is written to in `{language}`, for which there is no mail/sentences file");
    Err(Problem::at(FILE, text, offset, message).suggest(language, known.iter().map(String::as_str)))
}

/// Whether a text is of a kind that is sent, in a language there is: one whose name is misspelt would never be used, and nobody
/// would know.
fn is_sent(texts: &Texts, file: &str, stem: &str) -> Result<(), Problem> {
    let wrong = |message: String| Problem::of_file(file, message);
    let Some((kind, language)) = stem.rsplit_once('.') else {
        return Err(wrong("a text is named after its kind and language: mail/KIND.LANGUAGE.txt".to_owned()));
    };
    let kinds = texts.kinds();
    if !kinds.contains(kind) {
        let sentences = texts.sentences.iter().filter(|(_, sentences)| sentences.mail.contains_key(kind));
        let also: Vec<String> = sentences.map(|(language, _)| format!("sentences.{language}.toml")).collect();
        let mut message = format!("no step sends a mail `{kind}`; name the text after one that is sent, or remove it");
        if kind == SEVERAL {
            message =
                format!("mail is not gathered here (`gather-minutes`), so that `{kind}` is never sent; remove it");
        }
        if !also.is_empty() {
            message.push_str(&format!(", and its lines in {}", also.join(", ")));
        }
        return Err(wrong(message).suggest(kind, kinds));
    }
    let known = texts.languages();
    if !known.iter().any(|known| known == language) {
        let message = format!("nobody is written to in `{language}`: there is no mail/sentences.{language}.toml");
        return Err(wrong(message).suggest(language, known.iter().map(String::as_str)));
    }
    Ok(())
}

fn text_of(file: &str, text: &str) -> Result<(), Problem> {
    bounds::hold(file, text)?;
    known_variables(file, text, &VARIABLES)?;
    let parts = written(file, text)?;
    let first = 1 + text.lines().count() - parts.body.lines().count();
    can_be_filled_in(file, first, parts.body, &VARIABLES)?;
    let subjects = can_be_filled_in(file, 1, parts.subject, &VARIABLES)?;
    if subjects.iter().any(|subject| !one_line(subject).chars().any(char::is_alphanumeric)) {
        return Err(Problem::of_file(file, "the subject may come out empty; say there what the mail is about"));
    }
    if parts.body.trim().is_empty() {
        return Err(Problem::on_line(file, first, "the mail says nothing: its text is missing after the subject"));
    }
    Ok(())
}

fn sentences_of(texts: &Texts, file: &str, sentences: &Sentences) -> Result<(), Problem> {
    let toml = texts.bundle.text(file)?;
    let kinds = texts.kinds();
    if let Some(unknown) = sentences.mail.keys().find(|kind| !kinds.contains(kind.as_str())) {
        let message = format!("no step sends a mail `{unknown}`");
        return Err(Problem::on_line(file, line_of_key(toml, unknown), message).suggest(unknown, kinds));
    }
    let of_copies = [&VARIABLES[..], &["to"]].concat();
    let all = [("greeting", &sentences.greeting), ("below", &sentences.below), ("copy", &sentences.copy)];
    for (key, text) in all.into_iter().chain(sentences.mail.iter().map(|(kind, text)| (kind.as_str(), text))) {
        let variables = if key == "copy" { &of_copies[..] } else { &VARIABLES };
        can_be_filled_in(file, line_of_key(toml, key), text, variables)?;
    }
    Ok(())
}

/// Fills a text in, whose first line stands there in a file, with all that may be true at once, before the deadline and after it, with
/// one of each on its day, and with as little as may be; gives what came out.
fn can_be_filled_in(file: &str, line: usize, text: &str, variables: &[&str]) -> Result<[String; 4], Problem> {
    let placed = |problem: Problem| Problem { line: problem.line + line - 1, ..problem };
    bounds::hold(file, text).and_then(|()| known_variables(file, text, variables)).map_err(placed)?;
    let filled = |facts: Facts| {
        fill(file, &facts, text).map_err(|error| {
            let (at, what) = error.told();
            placed(Problem::on_line(file, at, format!("the text cannot be filled in: {what}")))
        })
    };
    Ok([filled(Facts::full())?, filled(Facts::late())?, filled(Facts::one())?, filled(Facts::bare())?])
}

/// Tries a template: it can be read, and speaks of nothing that a mail does not know.
fn known_variables(file: &str, text: &str, variables: &[&str]) -> Result<(), Problem> {
    let environment = Environment::empty();
    let template = environment.template_from_str(text).map_err(|error| {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Problem::on_line(file, error.line().unwrap_or(1), format!("the text cannot be filled in: {what}"))
    })?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    match used.iter().find(|variable| !variables.contains(&variable.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let is_whole = |at: usize| {
                let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                !within(text[..at].chars().next_back()) && !within(text[at + unknown.len()..].chars().next())
            };
            let all = text.match_indices(unknown.as_str()).map(|(at, _)| at);
            let offset = all.into_iter().find(|at| is_whole(*at)).unwrap_or(0);
            let message = format!("`{unknown}` is nothing a mail knows; it knows {}", variables.join(", "));
            Err(Problem::at(file, text, offset, message).suggest(unknown, variables.iter().copied()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        text_of("mail/x.en.txt", text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_in_a_text_is_placed() {
        assert!(text_of("mail/x.en.txt", "Subject: {{ round }}\n\nDear {{ name }}").is_ok());
        assert!(told("Subject: x\n\nDear {{ nmae }}").starts_with("mail/x.en.txt:3:9: `nmae`"));
        assert!(told("Subject: x\n\nDear {{ nmae }}").contains("did you mean `name`?"));
        assert!(told("Subject: x\n\nDear {{ name").starts_with("mail/x.en.txt:3:"));
        assert!(told("Subject: {{ deadline }}\n\n{{ deadlin }}").starts_with("mail/x.en.txt:3:4: `deadlin`"));
    }

    #[test]
    fn what_only_fails_when_it_is_filled_in_fails_before() {
        for (body, line, what) in [
            ("\nDear {{ name + 1 }}", 3, "`+`"),
            ("one\ntwo {{ name|upper }}", 3, "`|`"),
            ("{% for a in range(9) %}{{ a }}{% endfor %}", 2, "the one list"),
            (&repeated(&"{% for line in standing %}".repeat(2)), 2, "within what it repeats"),
            (&repeated(&"long ".repeat(1_200)), 2, "longer"),
        ] {
            let told = told(&format!("Subject: x\n{body}"));
            assert!(told.starts_with(&format!("mail/x.en.txt:{line}:")) && told.contains(what), "{told}");
        }
        assert!(told("Subject: x\nCalendar: deadline\n\n{{ name + 1 }}").starts_with("mail/x.en.txt:4:"));
        assert!(told("Subject: {{ name + 1 }}\n\nx").starts_with("mail/x.en.txt:1:"));
        let empty =
            [" ", "{% if task %}x{% endif %}", "{# nothing #}", "{% if missing_count != 1 %}x{% endif %}", "\u{200b}"];
        for empty in empty {
            assert!(told(&format!("Subject: {empty}\n\nx")).contains("may come out empty"), "{empty}");
        }
    }

    /// This for each of the lines there are.
    fn repeated(within: &str) -> String {
        format!("{{% for line in standing %}}{within}{{% endfor %}}")
    }
}
