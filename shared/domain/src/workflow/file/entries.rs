//! The files of a definition as they are written, before any name in them is checked.

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::action::{ActionWord, DecisionWord};
use crate::Role;
use crate::calendar::Roll;
use crate::workflow::{Late, Overlap};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkflowFile {
    pub(super) workflow: Head,
    #[serde(default)]
    pub(super) question: Vec<QuestionEntry>,
    pub(super) milestone: Vec<MilestoneEntry>,
    pub(super) step: Vec<StepEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Head {
    pub(super) id: Spanned<String>,
    pub(super) title: Spanned<String>,
    pub(super) home: Spanned<String>,
    pub(super) reference_years: Spanned<u8>,
    #[serde(default = "three")]
    pub(super) retries: u32,
    #[serde(default)]
    pub(super) after_crash: AfterCrash,
    pub(super) mail_hours: Option<Spanned<[String; 2]>>,
    pub(super) gather_minutes: Option<Spanned<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionEntry {
    pub(super) key: Spanned<String>,
    pub(super) text: Spanned<String>,
    pub(super) choices: Spanned<Vec<String>>,
}

#[derive(Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AfterCrash {
    #[default]
    Hold,
    Resend,
}

fn three() -> u32 {
    3
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MilestoneEntry {
    pub(super) id: Spanned<String>,
    pub(super) cron: String,
    #[serde(default)]
    pub(super) year: i16,
    pub(super) clock: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) roll: Roll,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StepEntry {
    pub(super) id: Spanned<String>,
    pub(super) each: EachWord,
    pub(super) when: Spanned<WhenEntry>,
    #[serde(default, rename = "if")]
    pub(super) guards: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(rename = "do")]
    pub(super) action: Spanned<ActionWord>,
    pub(super) mail: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) to: Vec<Role>,
    #[serde(default)]
    pub(super) copy: Vec<Role>,
    pub(super) task: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) owner: Vec<Role>,
    pub(super) people: Option<u8>,
    pub(super) settled_by: Option<DecisionWord>,
    pub(super) task_of: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) roll: Roll,
    pub(super) time_limit_hours: Option<u32>,
    pub(super) late: Option<Spanned<Late>>,
    #[serde(default)]
    pub(super) overlap: Overlap,
    pub(super) retries: Option<u32>,
    pub(super) why: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EachWord {
    Round,
    Country,
}

impl EachWord {
    pub(super) fn is_round(&self) -> bool {
        matches!(self, Self::Round)
    }
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenEntry {
    pub(super) cron: Option<String>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) until: Option<Spanned<String>>,
    pub(super) milestone: Option<Spanned<String>>,
    pub(super) event: Option<Spanned<String>>,
    pub(super) offset: Option<Spanned<String>>,
    pub(super) at: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParticipantsFile {
    pub(super) participant: Vec<ParticipantEntry>,
}

fn english() -> String {
    "en".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ParticipantEntry {
    pub(super) country: Spanned<String>,
    pub(super) tables: Vec<u8>,
    pub(super) member_from: Option<Date>,
    #[serde(default = "english")]
    pub(super) language: String,
}
