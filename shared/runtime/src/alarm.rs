//! Alarms: what an operator has to look at, each kind with a code that stays. The run book says for each what to do.

use serde::{Deserialize, Serialize};

/// A kind of alarm. Monitors and the run book's table go by the code, so that a code keeps its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmCode {
    /// The ledger does not answer.
    LedgerAway,
    /// The ledger answers questions, but its way of writing does not work.
    WritePath,
    /// A witness has cosigned another history of this log, or more of it than there is here.
    Fork,
    /// Records wait for their signature longer than they should.
    CheckpointLate,
    /// The witnesses that a policy names have not cosigned for a long time.
    WitnessLate,
    /// The disk of the data directory is nearly full.
    DiskLow,
    /// The wall clock was set while the program ran.
    ClockSet,
    /// The clock stands before the last record.
    ClockBehind,
    /// The clock stands long after the last record, and nobody has said that it is right.
    ClockAhead,
    /// A role has shown no sign of life for a while, or was never heard.
    RoleSilent,
    /// A role is alive and does not come to the end of the log.
    RoleBehind,
    /// Steps should have fired and have not.
    StepsOverdue,
    /// A service's command was answered and changed nothing, so that the service waits.
    NoProgress,
    /// A round's workflow or calendar cannot be read, or a change of it cannot be applied.
    RoundUnreadable,
    /// No mail can leave: the mail server is away or does not take us.
    MailServer,
    /// Mail that should have left long ago still waits.
    MailLate,
    /// Mail was refused for what it is, or nobody knows whether it arrived.
    MailStuck,
    /// Returned mail was not understood and waits for a person.
    ReturnedUnclear,
    /// Somebody who holds a role is not in the register of people, or has no address there.
    RegisterIncomplete,
}

impl AlarmCode {
    /// Every kind, the gravest first.
    pub const ALL: &[Self] = &[
        Self::LedgerAway,
        Self::WritePath,
        Self::Fork,
        Self::CheckpointLate,
        Self::WitnessLate,
        Self::DiskLow,
        Self::ClockSet,
        Self::ClockBehind,
        Self::ClockAhead,
        Self::RoleSilent,
        Self::RoleBehind,
        Self::StepsOverdue,
        Self::NoProgress,
        Self::RoundUnreadable,
        Self::MailServer,
        Self::MailLate,
        Self::MailStuck,
        Self::ReturnedUnclear,
        Self::RegisterIncomplete,
    ];

    /// The code, as monitors and the run book know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LedgerAway => "ledger-away",
            Self::WritePath => "write-path",
            Self::Fork => "fork",
            Self::CheckpointLate => "checkpoint-late",
            Self::WitnessLate => "witness-late",
            Self::DiskLow => "disk-low",
            Self::ClockSet => "clock-set",
            Self::ClockBehind => "clock-behind",
            Self::ClockAhead => "clock-ahead",
            Self::RoleSilent => "role-silent",
            Self::RoleBehind => "role-behind",
            Self::StepsOverdue => "steps-overdue",
            Self::NoProgress => "no-progress",
            Self::RoundUnreadable => "round-unreadable",
            Self::MailServer => "mail-server",
            Self::MailLate => "mail-late",
            Self::MailStuck => "mail-stuck",
            Self::ReturnedUnclear => "returned-unclear",
            Self::RegisterIncomplete => "register-incomplete",
        }
    }
}

/// Something that an operator has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its kind.
    pub code: AlarmCode,
    /// The role that it is about or that raised it.
    pub role: String,
    /// What is wrong and what to do, in sentences; without figures, names or addresses.
    pub says: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_is_what_is_written() {
        let mut codes: Vec<&str> = AlarmCode::ALL.iter().map(|code| code.as_str()).collect();
        for code in AlarmCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), AlarmCode::ALL.len());
    }
}
