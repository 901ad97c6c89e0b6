//! The promises of the audit trail, one to a file, each tried the hard way.

#[path = "../burst/mod.rs"]
mod burst;
#[path = "../given/mod.rs"]
mod given;

mod a_command_acts_once;
mod alteration_is_found;
mod an_acknowledged_command_survives_power_loss;
mod erasure_erases;
mod every_version_reads_all_history;
mod everyone_can_prove_their_own_submission_offline;
mod no_change_without_a_stored_reason;
mod no_lost_update;
mod no_mail_is_missed_and_hardly_any_comes_twice;
mod restore_works_and_cannot_fork;
mod rewrite_fork_and_rollback_are_found;
mod state_is_a_function_of_the_log;
mod trouble_is_refused_not_swallowed;
mod who_changed_what_is_complete;
