//! Commands: a wish with an id and an actor, decided on the state of one stream.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Aggregate, Event};
use crate::figure::{FiguresCommand, SheetKey};
use crate::network::{Network, NetworkCommand};
use crate::notice::{Notice, NoticeCommand};
use crate::participation::{Participation, ParticipationCommand};
use crate::release::ReleaseCommand;
use crate::round::{Round, RoundCommand};
use crate::run::RunCommand;
use crate::{
    Actor, CommandId, Country, FileHash, InstitutionId, NoticeId, PersonId, Rejection, ReleaseId, Role, RoundId,
    StreamId, figure, network, notice, participation, release, round, run,
};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its identity; the same cause gives the same one.
    pub id: CommandId,
    /// Who wishes it.
    pub actor: PersonId,
    /// In which role; the first one held that permits it, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The service that passes it on for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<PersonId>,
    /// The institution for which an ILO person acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<InstitutionId>,
    /// The command or event that gave rise to it, as that one's command id; of a command that a person gives, what they gave: in the first
    /// half the id that they may give again, in the second who gave what with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CommandId>,
    /// What is wished.
    pub wish: Wish,
}

impl Command {
    /// A command of somebody who speaks for themselves, in the first role they hold that permits it.
    pub const fn of(id: CommandId, actor: PersonId, wish: Wish) -> Self {
        Self { id, actor, role: None, via: None, on_behalf_of: None, cause: None, wish }
    }

    /// A command of a service, its id born of what it is about.
    pub fn of_service(service: &'static str, cause: &[&str], wish: Wish) -> Result<Self, crate::InvalidId> {
        let stream = wish.stream();
        let mut parts = vec![service, stream.as_str()];
        parts.extend(cause);
        Ok(Self::of(CommandId::of(&parts), service.parse()?, wish))
    }
}

/// What is wished, and of which stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each variant names a kind of stream, its key and its command")]
pub enum Wish {
    Network { command: NetworkCommand },
    Round { round: RoundId, command: RoundCommand },
    Participation { round: RoundId, country: Country, command: ParticipationCommand },
    Figures { sheet: SheetKey, command: FiguresCommand },
    Notice { round: RoundId, notice: NoticeId, command: NoticeCommand },
    Release { release: ReleaseId, command: ReleaseCommand },
    Run { round: RoundId, country: Option<Country>, command: RunCommand },
}

impl Wish {
    /// The stream it is decided on.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Network { .. } => StreamId::network(),
            Self::Round { round, .. } => StreamId::round(round),
            Self::Participation { round, country, .. } => StreamId::participation(round, country),
            Self::Figures { sheet, .. } => StreamId::figures(sheet),
            Self::Notice { round, notice, .. } => StreamId::notice(round, notice),
            Self::Release { release, .. } => StreamId::release(release),
            Self::Run { round, country, .. } => StreamId::run(round, country.as_ref()),
        }
    }

    /// The other streams whose state the decision looks at, besides the network.
    pub fn surroundings(&self) -> Vec<StreamId> {
        match self {
            Self::Participation {
                round,
                command:
                    ParticipationCommand::Expect
                    | ParticipationCommand::Receive { .. }
                    | ParticipationCommand::Declare { .. },
                ..
            } => {
                vec![StreamId::round(round)]
            }
            Self::Participation { command: ParticipationCommand::ReplaceContact { .. }, .. } => {
                vec![StreamId::network()]
            }
            // What became of a mail is told of whoever was a contact when it left.
            Self::Participation {
                round,
                command:
                    ParticipationCommand::RecordBounce { notice, .. }
                    | ParticipationCommand::RecordUndelivered { notice, .. }
                    | ParticipationCommand::RecordReached { notice, .. },
                ..
            } => vec![StreamId::notice(round, notice)],
            Self::Run { round, command: RunCommand::AnswerTask { .. }, .. } => vec![StreamId::round(round)],
            Self::Figures { sheet, command: FiguresCommand::Record { round, .. } } => {
                vec![StreamId::participation(round, &sheet.country)]
            }
            Self::Release {
                command: ReleaseCommand::Prepare { round, countries, .. } | ReleaseCommand::Begin { round, countries },
                ..
            } => countries.iter().map(|country| StreamId::participation(round, country)).collect(),
            _ => Vec::new(),
        }
    }

    /// The file that must be stored before the command may be accepted, for those that bring one in.
    pub fn file(&self) -> Option<&FileHash> {
        match self {
            Self::Round {
                command: RoundCommand::Plan { pin, .. } | RoundCommand::ProposeMigration { is: pin, .. },
                ..
            } => Some(&pin.bundle),
            Self::Participation { command: ParticipationCommand::Receive { file, .. }, .. } => Some(&file.sha256),
            Self::Figures { command: FiguresCommand::LoadPublished { evidence, .. }, .. } => Some(&evidence.sha256),
            _ => None,
        }
    }

    /// Whether it brings about what nobody can take back, so that it waits while nobody knows whether the clock is right: a step
    /// fires, a round, a part or the taking of late answers is closed, a release begins, a mail leaves.
    pub fn cannot_be_undone(&self) -> bool {
        match self {
            Self::Round { command, .. } => matches!(
                command,
                RoundCommand::BeginClosing | RoundCommand::Close | RoundCommand::Finalise | RoundCommand::Cancel { .. }
            ),
            Self::Participation { command, .. } => matches!(command, ParticipationCommand::Close { .. }),
            Self::Notice { command, .. } => matches!(command, NoticeCommand::Attempt { .. }),
            Self::Release { command, .. } => matches!(command, ReleaseCommand::Begin { .. }),
            Self::Run { command, .. } => matches!(command, RunCommand::Fire { .. }),
            Self::Network { .. } | Self::Figures { .. } => false,
        }
    }

    /// The country it is about.
    pub fn country(&self) -> Option<&Country> {
        match self {
            Self::Participation { country, .. } => Some(country),
            Self::Figures { sheet, .. } => Some(&sheet.country),
            Self::Run { country, .. } => country.as_ref(),
            _ => None,
        }
    }

    /// Decides it on the state of its stream.
    ///
    /// # Errors
    /// The rejection; a state of another kind of stream is one too.
    pub fn decide(&self, state: &Aggregate, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        fn all<E>(events: Vec<E>, wrap: fn(E) -> Event) -> Vec<Event> {
            events.into_iter().map(wrap).collect()
        }
        Ok(match (self, state) {
            (Self::Network { command }, Aggregate::Network(state)) => {
                all(network::decide(state, command, context)?, Event::Network)
            }
            (Self::Round { command, .. }, Aggregate::Round(state)) => {
                all(round::decide(state, command, context)?, Event::Round)
            }
            (Self::Participation { round, country, command }, Aggregate::Participation(state)) => {
                all(participation::decide(state, round, country, command, context)?, Event::Participation)
            }
            (Self::Figures { sheet, command }, Aggregate::Figures(state)) => {
                all(figure::decide(state, sheet, command, context)?, Event::Figures)
            }
            (Self::Notice { command, .. }, Aggregate::Notice(state)) => {
                all(notice::decide(state, command, context)?, Event::Notice)
            }
            (Self::Release { command, .. }, Aggregate::Release(state)) => {
                all(release::decide(state, command, context)?, Event::Release)
            }
            (Self::Run { round, country, command }, Aggregate::Run(state)) => {
                all(run::decide(state, (round, country.as_ref()), command, context)?, Event::Run)
            }
            _ => return Err(Rejection::Malformed { what: "the command does not fit its stream".to_owned() }),
        })
    }
}

/// What a decision may look at besides its own stream's state.
#[derive(Debug)]
pub struct Context<'a> {
    /// Who acts, as the network knows the person.
    pub actor: &'a Actor,
    /// The instant of the decision.
    pub now: Timestamp,
    /// The states of the command's surroundings.
    pub surroundings: &'a [(StreamId, &'a Aggregate)],
}

impl Context<'_> {
    /// Requires one of these roles.
    ///
    /// # Errors
    /// `actor.not-allowed`.
    pub fn require_role(&self, roles: &[Role], act: &str) -> Result<(), Rejection> {
        if roles.contains(&self.actor.role) { Ok(()) } else { Err(self.not_allowed(act)) }
    }

    /// Requires that a national actor keeps to its own country.
    ///
    /// # Errors
    /// `actor.other-country`.
    pub fn require_country(&self, country: &Country) -> Result<(), Rejection> {
        if self.actor.role.is_of_country() && self.actor.country.as_ref() != Some(country) {
            return Err(Rejection::OtherCountry { actor: self.actor.id.to_string(), country: country.to_string() });
        }
        Ok(())
    }

    /// The refusal that the actor's role does not permit the act.
    pub fn not_allowed(&self, act: &str) -> Rejection {
        Rejection::NotAllowed {
            actor: self.actor.id.to_string(),
            role: self.actor.role.to_string(),
            act: act.to_owned(),
            held: Vec::new(),
        }
    }

    /// The refusal that two people are needed.
    pub fn same_person(&self, was: &str, now: &str) -> Rejection {
        Rejection::SamePerson { actor: self.actor.id.to_string(), was: was.to_owned(), now: now.to_owned() }
    }

    fn around(&self, stream: &StreamId) -> Option<&Aggregate> {
        // A command has a handful of surroundings at the most, but for a release, which has one for each country.
        self.surroundings.iter().find(|(other, _)| other == stream).map(|(_, state)| *state)
    }

    /// The round, if the command's surroundings name it and it was planned.
    ///
    /// # Errors
    /// `round.unknown`.
    pub fn round(&self, id: &RoundId) -> Result<&Round, Rejection> {
        match self.around(&StreamId::round(id)) {
            Some(Aggregate::Round(round)) if round.pin.is_some() => Ok(round),
            _ => Err(Rejection::UnknownRound { round: id.to_string() }),
        }
    }

    /// The network, if the command's surroundings name it.
    pub fn network(&self) -> Option<&Network> {
        match self.around(&StreamId::network()) {
            Some(Aggregate::Network(network)) => Some(network),
            _ => None,
        }
    }

    /// A notice, if the command's surroundings name it and it was raised.
    pub fn notice(&self, round: &RoundId, notice: &NoticeId) -> Option<&Notice> {
        match self.around(&StreamId::notice(round, notice)) {
            Some(Aggregate::Notice(notice)) if notice.brief.is_some() => Some(notice),
            _ => None,
        }
    }

    /// A participation, if the command's surroundings name it and it was opened.
    pub fn participation(&self, round: &RoundId, country: &Country) -> Option<&Participation> {
        match self.around(&StreamId::participation(round, country)) {
            Some(Aggregate::Participation(state)) if state.expected => Some(state),
            _ => None,
        }
    }
}

/// Who the actor of a command is; a service may pass a command on for a person but gives no role of its own.
///
/// # Errors
/// `actor.unknown`.
pub fn actor_of(command: &Command, network: &Network, now: Timestamp) -> Result<Actor, Rejection> {
    network.actor(&command.actor, command.role, command.wish.country(), now)
}

/// Decides a command of this actor: in the role that it names, or else in the first one held that permits it. Gives in which that was.
///
/// # Errors
/// The rejection; where no role permits it, that of the first one, with the other roles held.
pub fn decide_as<T>(
    actor: Actor,
    command: &Command,
    (network, now): (&Network, Timestamp),
    decide: impl Fn(&Actor) -> Result<T, Rejection>,
) -> Result<(Actor, T), Rejection> {
    let refused = match decide(&actor) {
        Err(Rejection::NotAllowed { actor, role, act, .. }) => (actor, role, act),
        decided => return decided.map(|decided| (actor, decided)),
    };
    let mut held = network.roles(&actor.id, command.wish.country(), now);
    held.retain(|role| *role != actor.role);
    for role in held.iter().filter(|_| command.role.is_none()) {
        let other = network.actor(&actor.id, Some(*role), command.wish.country(), now)?;
        match decide(&other) {
            Err(Rejection::NotAllowed { .. }) => {}
            decided => return decided.map(|decided| (other, decided)),
        }
    }
    let (actor, role, act) = refused;
    Err(Rejection::NotAllowed { actor, role, act, held })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;
    use crate::network::{Grant, NetworkEvent};

    #[test]
    fn a_command_that_names_no_role_is_decided_in_the_first_one_held_that_permits_it() {
        let (who, now): (PersonId, _) = ("one".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let mut network = Network::default();
        let scheduler = network.actor(&"scheduler".parse().unwrap(), None, None, now).unwrap();
        let (lao, tha) = ("LAO".parse::<Country>().unwrap(), "THA".parse::<Country>().unwrap());
        let held = [
            (Role::FocalPoint, &lao),
            (Role::Alternate, &lao),
            (Role::NationalCoordinator, &lao),
            (Role::HeadOfAgency, &tha),
        ];
        for (role, country) in held {
            let event =
                NetworkEvent::RoleGranted { person: who.clone(), grant: Grant::of(role, Some(country.clone())) };
            network.evolve(&event, &Stamp { at: now, actor: &scheduler, position: 0 });
        }
        let decided = |named: Option<Role>, permitted: &[Role], refusal: Option<&Rejection>| {
            let round = "ilms-asean-2025".parse().unwrap();
            let wish = Wish::Participation {
                round,
                country: lao.clone(),
                command: participation::ParticipationCommand::Confirm,
            };
            let command = Command { role: named, ..Command::of(CommandId::of(&["confirm"]), who.clone(), wish) };
            let actor = actor_of(&command, &network, now)?;
            decide_as(actor, &command, (&network, now), |actor| {
                Context { actor, now, surroundings: &[] }.require_role(permitted, "confirm")?;
                refusal.map_or(Ok(()), |refusal| Err(refusal.clone()))
            })
            .map(|(actor, ())| (actor.role, actor.country.unwrap()))
        };
        let (alternate, coordinator) = (Role::Alternate, Role::NationalCoordinator);
        assert_eq!(
            decided(None, &[coordinator, alternate], None),
            Ok((alternate, lao.clone())),
            "in the order of the grants"
        );
        assert_eq!(decided(None, &[coordinator], None), Ok((coordinator, lao.clone())));
        // What is wrong besides is told of who may do it.
        let closed = Rejection::RoundClosed { round: "r".to_owned(), state: "closed".to_owned() };
        assert_eq!(decided(None, &[coordinator], Some(&closed)), Err(closed.clone()));
        // A role that is named is the one, and in no role of another country anything is done here.
        for (named, permitted) in [(Some(Role::FocalPoint), coordinator), (None, Role::HeadOfAgency)] {
            let told = decided(named, &[permitted], None).unwrap_err().to_string();
            let says = "one in the role focal-point may not confirm; they hold alternate, national-coordinator too, and `--role` names a role";
            assert_eq!(told, says);
        }
        assert!(matches!(decided(Some(Role::Validator), &[], None), Err(Rejection::UnknownActor { .. })));
    }
}
