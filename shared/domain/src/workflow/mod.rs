//! Workflow definitions: the round as data, pinned by the hash of its files.

mod bundle;
mod definition;
mod document;
mod file;
mod guard;
mod needs;

pub use bundle::{Bundle, BundleError, MAX_BUNDLE};
pub use definition::{
    Action, Approval, Asked, Definition, Each, Expected, GUARDS, LESSON, LESSON_CARRIED, Late, MilestoneRule, Overlap,
    Question, Step, TRIGGER_EVENTS, Trigger, TriggerEvent,
};
pub use document::{Problem, line_of_key, nearest, parse_toml};
pub use file::read_definition;
pub use guard::{Guarded, OWES_TABLES, recipients, unmet};
pub use needs::{Needed, needed, occurrence_of};
