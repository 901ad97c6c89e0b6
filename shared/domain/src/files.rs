//! Which stored files an event names. Every event is listed, so that whoever adds one has to say it here; who keeps, copies or
//! looks for files asks nobody else.

use crate::FileHash;
use crate::event::Event;
use crate::figure::FiguresEvent;
use crate::network::NetworkEvent;
use crate::notice::NoticeEvent;
use crate::participation::ParticipationEvent;
use crate::release::ReleaseEvent;
use crate::round::RoundEvent;
use crate::run::RunEvent;

impl Event {
    /// The received files and workflow bundles that it names, by their hashes.
    pub fn files(&self) -> Vec<&FileHash> {
        match self {
            Self::Network(event) => of_network(event),
            Self::Round(event) => of_round(event),
            Self::Participation(event) => of_participation(event),
            Self::Figures(FiguresEvent::FiguresRecorded { evidence, .. }) => vec![&evidence.sha256],
            Self::Notice(event) => of_notice(event),
            Self::Release(event) => of_release(event),
            Self::Run(event) => of_run(event),
        }
    }
}

fn of_network(event: &NetworkEvent) -> Vec<&FileHash> {
    use NetworkEvent as E;
    match event {
        E::InstitutionRegistered { .. }
        | E::RoleGranted { .. }
        | E::RoleDelegated { .. }
        | E::RoleEnded { .. }
        | E::KeyRotated { .. }
        | E::LogContinued { .. }
        | E::PersonErased { .. } => Vec::new(),
    }
}

fn of_round(event: &RoundEvent) -> Vec<&FileHash> {
    use RoundEvent as E;
    match event {
        E::RoundPlanned { pin, .. } | E::RoundConfigured { pin, .. } => vec![&pin.bundle],
        E::MigrationProposed { is, .. } => vec![&is.bundle],
        E::MigrationApproved { was, is } => vec![&was.bundle, &is.bundle],
        E::CountriesConfigured { .. }
        | E::RoundLaunched {}
        | E::CountryAdmitted { .. }
        | E::DeadlineExtended { .. }
        | E::RoundPaused { .. }
        | E::RoundResumed { .. }
        | E::MailPaused { .. }
        | E::MailResumed { .. }
        | E::CalendarChanged { .. }
        | E::MigrationRejected { .. }
        | E::LessonLearned { .. }
        | E::RoundClosing {}
        | E::RoundClosed {}
        | E::RoundReopened { .. }
        | E::RoundFinalising {}
        | E::RoundPublished { .. }
        | E::RoundCancelled { .. } => Vec::new(),
    }
}

fn of_participation(event: &ParticipationEvent) -> Vec<&FileHash> {
    use ParticipationEvent as E;
    match event {
        E::SubmissionReceived { file, .. } => vec![&file.sha256],
        E::ParticipationExpected { .. }
        | E::CountryInvited { .. }
        | E::ContactBounced { .. }
        | E::MailUndelivered { .. }
        | E::MailComplained { .. }
        | E::ContactReached { .. }
        | E::ContactReplaced { .. }
        | E::RoundAcknowledged {}
        | E::ChoiceMade { .. }
        | E::CheckRequested { .. }
        | E::FindingsRecorded { .. }
        | E::SubmissionRejected { .. }
        | E::SubmissionChecked { .. }
        | E::TablesDeclared { .. }
        | E::QueryOpened { .. }
        | E::QueryAnswered { .. }
        | E::QueryAccepted { .. }
        | E::AllowanceGranted { .. }
        | E::TablesAccepted { .. }
        | E::CountryConfirmed {}
        | E::ParticipationClosed { .. }
        | E::ParticipationDeclined { .. }
        | E::ParticipationPublished { .. } => Vec::new(),
    }
}

fn of_notice(event: &NoticeEvent) -> Vec<&FileHash> {
    use NoticeEvent as E;
    match event {
        E::NoticeDue { .. }
        | E::NoticePostponed { .. }
        | E::NoticeSuppressed { .. }
        | E::NoticeAttempted { .. }
        | E::NoticeSent { .. }
        | E::NoticeDeferred { .. }
        | E::NoticeRefused { .. }
        | E::NoticeUnknown { .. }
        | E::NoticeBounced { .. }
        | E::NoticeUndelivered { .. }
        | E::NoticeAutoAnswered { .. }
        | E::NoticeComplained { .. }
        | E::NoticeDelivered {}
        | E::NoticeAnswered {}
        | E::NoticeReleased { .. } => Vec::new(),
    }
}

fn of_release(event: &ReleaseEvent) -> Vec<&FileHash> {
    use ReleaseEvent as E;
    match event {
        // A manifest lies in the release folder, which is copied by hand.
        E::ReleasePrepared { .. }
        | E::ReleaseApproved {}
        | E::ReleaseCleared {}
        | E::ReleaseBegun {}
        | E::ReleasePublished { .. } => Vec::new(),
    }
}

fn of_run(event: &RunEvent) -> Vec<&FileHash> {
    use RunEvent as E;
    match event {
        E::StepPlanned { .. }
        | E::StepMoved { .. }
        | E::StepFired { .. }
        | E::StepCompleted { .. }
        | E::TaskOpened { .. }
        | E::TaskEscalated { .. }
        | E::TaskAnswered { .. } => Vec::new(),
    }
}
