//! A definition read from `workflow.toml` and `participants.toml` of its bundle, every name checked.

mod action;
mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::Time;
use toml::Spanned;

use action::ActionWord;
use entries::{
    AfterCrash, EachWord, MilestoneEntry, ParticipantsFile, QuestionEntry, StepEntry, WhenEntry, WorkflowFile,
};

use super::definition::{
    Definition, Each, Expected, GUARDS, Late, MilestoneRule, Question, Step, TRIGGER_EVENTS, Trigger,
};
use super::{Bundle, Problem, parse_toml};
use crate::calendar::{Hours, Offset};
use crate::reason::is_hidden;
use crate::table::TableNo;
use crate::{Country, MilestoneId, StepId};

const FILE: &str = "workflow.toml";
const PARTICIPANTS: &str = "participants.toml";

/// The most steps a workflow may have.
const MAX_STEPS: usize = 200;

/// The longest sentence in a workflow, in characters.
const MAX_SENTENCE: usize = 300;

struct Reader<'a> {
    text: &'a str,
    milestones: BTreeMap<MilestoneId, MilestoneRule>,
    mails: BTreeSet<&'a str>,
    questions: Vec<Question>,
}

/// Reads and checks the definition in a bundle.
///
/// # Errors
/// The first problem, with file, line, column and a suggestion where one is near.
pub fn read_definition(bundle: &Bundle) -> Result<Definition, Problem> {
    let text = bundle.text(FILE)?;
    let file: WorkflowFile = parse_toml(FILE, text)?;
    let mails = bundle.below("mail").filter_map(|(name, _)| name.strip_suffix(".en.txt")).collect();
    let mut reader = Reader { text, milestones: BTreeMap::new(), mails, questions: Vec::new() };
    for entry in &file.question {
        let question = reader.question(entry)?;
        reader.questions.push(question);
    }
    for entry in &file.milestone {
        let rule = reader.milestone(entry)?;
        if reader.milestones.insert(rule.id.clone(), rule).is_some() {
            return Err(
                reader.problem(&entry.id.span(), format!("the milestone `{}` stands twice", entry.id.get_ref()))
            );
        }
    }
    let releases =
        |entry: &StepEntry| matches!(entry.action.get_ref(), ActionWord::PrepareRelease | ActionWord::Publish);
    let has_release = file.step.iter().any(releases);
    let needed = ["launch", "deadline", "close", "release"].into_iter();
    for needed in needed.filter(|needed| *needed != "release" || has_release) {
        if !reader.milestones.keys().any(|id| id.as_str() == needed) {
            let known = reader.milestones.keys().map(MilestoneId::as_str);
            return Err(Problem::of_file(FILE, format!("the milestone `{needed}` is missing")).suggest(needed, known));
        }
    }
    if file.step.len() > MAX_STEPS {
        return Err(Problem::of_file(FILE, format!("{} steps; at most {MAX_STEPS} are taken", file.step.len())));
    }
    let steps = reader.steps(&file)?;
    let head = &file.workflow;
    let years = *head.reference_years.get_ref();
    if years > 20 {
        return Err(
            reader.problem(&head.reference_years.span(), "20 reference years can be asked at the most".to_owned())
        );
    }
    Ok(Definition {
        id: reader.parsed(&head.id)?,
        questions: reader.questions.clone(),
        title: reader.sentence(&head.title, Some("{year}"))?,
        home: reader.parsed(&head.home)?,
        reference_years: years,
        retries: head.retries,
        resend_after_crash: head.after_crash == AfterCrash::Resend,
        mail_hours: head.mail_hours.as_ref().map(|hours| reader.hours(hours)).transpose()?,
        gather_minutes: head.gather_minutes.as_ref().map_or(Ok(0), |minutes| reader.minutes(minutes))?,
        milestones: reader.milestones,
        steps,
        expected: participants(bundle)?,
    })
}

impl Reader<'_> {
    fn problem(&self, span: &Range<usize>, message: String) -> Problem {
        Problem::at(FILE, self.text, span.start, message)
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, value: &Spanned<String>) -> Result<T, Problem> {
        value.get_ref().parse().map_err(|e: T::Err| self.problem(&value.span(), e.to_string()))
    }

    /// A sentence that people will read, in which one thing at the most is filled in.
    fn sentence(&self, written: &Spanned<String>, filled_in: Option<&str>) -> Result<String, Problem> {
        let text = written.get_ref();
        let rest = filled_in.map_or(text.clone(), |known| text.replace(known, ""));
        if let Some((before, _)) = rest.split_once(['{', '}']) {
            let known = filled_in.map_or("nothing is".to_owned(), |known| format!("only {known} is"));
            let offset = written.span().start + 1 + text.find(before).map_or(0, |at| at + before.len());
            return Err(Problem::at(FILE, self.text, offset, format!("{known} filled in here")));
        }
        let length = text.chars().count();
        if !text.chars().any(char::is_alphanumeric) || length > MAX_SENTENCE || text.chars().any(is_hidden) {
            let message = format!("this is no sentence: between 1 and {MAX_SENTENCE} characters, none of them hidden");
            return Err(self.problem(&written.span(), message));
        }
        Ok(text.clone())
    }

    fn known<'w>(
        &self,
        value: &Spanned<String>,
        what: &str,
        words: impl Iterator<Item = &'w str> + Clone,
    ) -> Result<String, Problem> {
        let found = value.get_ref();
        if words.clone().any(|word| word == found) {
            return Ok(found.clone());
        }
        let all = words.clone().collect::<Vec<_>>().join(", ");
        Err(self.problem(&value.span(), format!("`{found}` is not a {what}; known are: {all}")).suggest(found, words))
    }

    fn hours(&self, written: &Spanned<[String; 2]>) -> Result<Hours, Problem> {
        let [from, until] = written.get_ref();
        let wrong =
            || self.problem(&written.span(), "working hours are two times such as [\"08:30\", \"17:00\"]".to_owned());
        let hours = Hours { from: from.parse().map_err(|_| wrong())?, until: until.parse().map_err(|_| wrong())? };
        if hours.from < hours.until { Ok(hours) } else { Err(wrong()) }
    }

    fn minutes(&self, written: &Spanned<u8>) -> Result<u8, Problem> {
        if *written.get_ref() <= 60 {
            return Ok(*written.get_ref());
        }
        Err(self.problem(&written.span(), "mail is gathered for 60 minutes at the most".to_owned()))
    }

    fn milestone_id(&self, value: &Spanned<String>) -> Result<MilestoneId, Problem> {
        self.known(value, "milestone", self.milestones.keys().map(MilestoneId::as_str))?;
        self.parsed(value)
    }

    fn milestone(&self, entry: &MilestoneEntry) -> Result<MilestoneRule, Problem> {
        Ok(MilestoneRule {
            id: self.parsed(&entry.id)?,
            cron: entry.cron.clone(),
            year: entry.year,
            country: entry.clock.as_ref().map(|clock| self.parsed(clock)).transpose()?,
            roll: entry.roll,
        })
    }

    fn steps(&self, file: &WorkflowFile) -> Result<Vec<Step>, Problem> {
        let all = file.step.iter().map(|entry| self.parsed(&entry.id)).collect::<Result<Vec<StepId>, _>>()?;
        let mut steps: Vec<Step> = Vec::new();
        for entry in &file.step {
            let step = self.step(entry, file.workflow.retries)?;
            if steps.iter().any(|other| other.id == step.id) {
                return Err(self.problem(&entry.id.span(), format!("the step `{}` stands twice", step.id)));
            }
            self.names(entry, &step, &steps, &all)?;
            steps.push(step);
        }
        Ok(steps)
    }

    fn step(&self, entry: &StepEntry, retries: u32) -> Result<Step, Problem> {
        for words in [&entry.guards, &entry.needs] {
            let earlier = |index: usize, word: &str| words[..index].iter().any(|other| other.get_ref() == word);
            if let Some((_, twice)) = words.iter().enumerate().find(|(index, word)| earlier(*index, word.get_ref())) {
                return Err(self.problem(&twice.span(), format!("`{}` stands twice", twice.get_ref())));
            }
        }
        let guards = entry.guards.iter().map(|guard| self.guard(guard));
        Ok(Step {
            id: self.parsed(&entry.id)?,
            each: match entry.each {
                EachWord::Round => Each::Round,
                EachWord::Country => Each::Country,
            },
            trigger: self.trigger(&entry.when, &entry.each)?,
            guards: guards.collect::<Result<_, _>>()?,
            needs: entry.needs.iter().map(|needed| self.parsed(needed)).collect::<Result<_, _>>()?,
            action: self.action(entry)?,
            roll: entry.roll,
            time_limit_hours: entry.time_limit_hours,
            late: self.late(entry)?,
            overlap: entry.overlap,
            retries: entry.retries.unwrap_or(retries),
            why: self.sentence(&entry.why, None)?,
        })
    }

    /// A guard: one of the language, or a question and its choice, with `?` for one that is not answered yet.
    fn guard(&self, written: &Spanned<String>) -> Result<String, Problem> {
        let Some((key, choice)) = written.get_ref().split_once('=') else {
            return self.known(written, "guard", GUARDS.iter().map(|(name, _)| *name));
        };
        let keys = self.questions.iter().map(|question| question.key.as_str());
        let question = self.questions.iter().find(|question| question.key == key).ok_or_else(|| {
            self.problem(&written.span(), format!("`{key}` is no question of this workflow")).suggest(key, keys)
        })?;
        let choices = question.choices.iter().map(String::as_str).chain(["?"]);
        if choices.clone().any(|known| known == choice) {
            return Ok(written.get_ref().clone());
        }
        let message = format!("`{choice}` is no choice of the question {key}");
        Err(self.problem(&written.span(), message).suggest(choice, choices))
    }

    fn question(&self, entry: &QuestionEntry) -> Result<Question, Problem> {
        let words = entry.choices.get_ref().iter().chain([entry.key.get_ref()]);
        if let Some(wrong) = words.clone().find(|word| word.parse::<StepId>().is_err()) {
            let message = format!("`{wrong}` is not of lower-case letters, digits and `-`");
            return Err(self.problem(&entry.key.span(), message));
        }
        if !(2..=20).contains(&entry.choices.get_ref().len()) {
            return Err(self.problem(&entry.choices.span(), "a question has between 2 and 20 choices".to_owned()));
        }
        if self.questions.iter().any(|other| other.key == *entry.key.get_ref()) {
            return Err(self.problem(&entry.key.span(), format!("the question `{}` stands twice", entry.key.get_ref())));
        }
        let (key, choices) = (entry.key.get_ref().clone(), entry.choices.get_ref().clone());
        Ok(Question { key, text: self.sentence(&entry.text, None)?, choices })
    }

    /// A schedule catches up once unless it says otherwise. Whether a step that asks people anyway is carried out late is
    /// theirs to say when they are asked.
    fn late(&self, entry: &StepEntry) -> Result<Late, Problem> {
        let usual = if entry.when.get_ref().cron.is_some() { Late::RunOnce } else { Late::Run };
        let Some(late) = &entry.late else { return Ok(usual) };
        let asks_people = entry.task.is_some() || entry.task_of.is_some();
        if *late.get_ref() == Late::Ask && asks_people {
            let message = "a step that asks people cannot ask them first whether it may".to_owned();
            return Err(self.problem(&late.span(), message));
        }
        Ok(*late.get_ref())
    }

    fn trigger(&self, when: &Spanned<WhenEntry>, each: &EachWord) -> Result<Trigger, Problem> {
        let entry = when.get_ref();
        let offset = entry.offset.as_ref().map(|o| self.parsed::<Offset>(o)).transpose()?;
        let time = |written: &Spanned<String>| {
            let told = format!("`at` is a time of day such as \"09:00\", and not `{}`", written.get_ref());
            written.get_ref().parse::<Time>().map_err(|_| self.problem(&written.span(), told))
        };
        let at = entry.at.as_ref().map(time).transpose()?;
        match (&entry.cron, &entry.milestone, &entry.event) {
            (Some(expression), None, None) => {
                let (Some(from), Some(until)) = (&entry.from, &entry.until) else {
                    return Err(self
                        .problem(&when.span(), "a cron trigger needs `from` and `until`, two milestones".to_owned()));
                };
                Ok(Trigger::Cron {
                    expression: expression.clone(),
                    from: self.milestone_id(from)?,
                    until: self.milestone_id(until)?,
                })
            }
            (None, Some(milestone), None) => Ok(Trigger::Milestone {
                milestone: self.milestone_id(milestone)?,
                offset: offset.unwrap_or(Offset { count: 0, unit: crate::calendar::Unit::Days }),
                at,
            }),
            (None, None, Some(event)) => {
                let word = self.known(event, "event", TRIGGER_EVENTS.iter().map(|known| known.word))?;
                if word == "choice-made" && self.questions.is_empty() {
                    let message = "`choice-made` never happens: the workflow asks no question".to_owned();
                    return Err(self.problem(&event.span(), message));
                }
                let each = if each.is_round() { Each::Round } else { Each::Country };
                if TRIGGER_EVENTS.iter().any(|known| known.word == word && known.each != each) {
                    let (whose, other) =
                        if each == Each::Round { ("a country's", "country") } else { ("the round's", "round") };
                    let message = format!("the event `{word}` is {whose}: `each = \"{other}\"`");
                    return Err(self.problem(&event.span(), message));
                }
                Ok(Trigger::Event { event: word, offset, at })
            }
            _ => {
                Err(self.problem(&when.span(), "`when` has exactly one of `cron`, `milestone` and `event`".to_owned()))
            }
        }
    }
}

fn participants(bundle: &Bundle) -> Result<Vec<Expected>, Problem> {
    let text = bundle.text(PARTICIPANTS)?;
    let file: ParticipantsFile = parse_toml(PARTICIPANTS, text)?;
    let mut expected: Vec<Expected> = Vec::new();
    for entry in file.participant {
        let problem = |message: String| Problem::at(PARTICIPANTS, text, entry.country.span().start, message);
        let country: Country = entry.country.get_ref().parse().map_err(|e: crate::InvalidId| problem(e.to_string()))?;
        if expected.iter().any(|other| other.country == country) {
            return Err(problem(format!("{country} stands twice")));
        }
        let mut tables: Vec<TableNo> = entry.tables.iter().map(|no| TableNo(*no)).collect();
        tables.sort_unstable();
        if let Some([twice, _]) = tables.array_windows().find(|[one, next]| one == next) {
            return Err(problem(format!("table {twice} of {country} stands twice")));
        }
        expected.push(Expected { country, tables, member_from: entry.member_from, language: entry.language });
    }
    Ok(expected)
}
