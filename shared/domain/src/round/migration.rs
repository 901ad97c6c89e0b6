//! Migration: a round goes on by another version of its workflow, once somebody has proposed it and somebody else approved it.

use super::decide::{COORDINATORS, not_possible, possible, require_reason};
use super::{Round, RoundCommand, RoundEvent, RoundState};
use crate::Rejection;
use crate::command::Context;

pub(super) fn decide(
    state: &Round,
    command: &RoundCommand,
    context: &Context<'_>,
) -> Result<Vec<RoundEvent>, Rejection> {
    use RoundState as S;
    context.require_role(COORDINATORS, "migrate a round")?;
    possible(state, &[S::Configured, S::Collecting, S::Closing, S::Closed, S::Finalising], "be migrated")?;
    let was = state.pin.clone().ok_or_else(|| not_possible(state, "be migrated"))?;
    match command {
        RoundCommand::ProposeMigration { is, effects, reason } => {
            require_reason(reason)?;
            if is.workflow != was.workflow {
                return Err(Rejection::Malformed {
                    what: format!("{} is another workflow than {}, not a version of it", is.workflow, was.workflow),
                });
            }
            if is.bundle == was.bundle {
                return Err(Rejection::Malformed { what: "the round goes by exactly this version already".to_owned() });
            }
            let (is, effects) = (is.clone(), effects.clone());
            let (by, reason) = (context.actor.id.clone(), reason.clone());
            Ok(vec![RoundEvent::MigrationProposed { is, effects, by, reason }])
        }
        RoundCommand::ApproveMigration => {
            let (is, by, _) = state.proposed.clone().ok_or_else(|| nothing_proposed(state))?;
            if by == context.actor.id {
                return Err(context.same_person("the one who proposed the migration", "the one who approves it"));
            }
            Ok(vec![RoundEvent::MigrationApproved { was, is }])
        }
        RoundCommand::RejectMigration { reason } => {
            require_reason(reason)?;
            state.proposed.as_ref().ok_or_else(|| nothing_proposed(state))?;
            Ok(vec![RoundEvent::MigrationRejected { reason: reason.clone() }])
        }
        _ => Ok(Vec::new()),
    }
}

fn nothing_proposed(state: &Round) -> Rejection {
    not_possible(state, "be migrated: no migration is proposed; `rondo round migrate` proposes one")
}
