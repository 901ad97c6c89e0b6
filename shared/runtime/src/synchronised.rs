//! Whether this machine says that its clock goes with others': the kernel, or systemd's time service where the kernel may not be
//! asked.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

/// How far the kernel's own time may be from the clock that is asked about: it is another clock otherwise.
const SAME_CLOCK: SignedDuration = SignedDuration::from_secs(60);

/// systemd-timesyncd touches this file each time it has compared the clock; it exists only after the first time since the start
/// (systemd-timesyncd.service(8)).
const COMPARED: &str = "/run/systemd/timesync/synchronized";

/// How long ago that may have been: it compares every 34 minutes at the least (timesyncd.conf(5), `PollIntervalMaxSec=`).
const LATELY: SignedDuration = SignedDuration::from_hours(2);

/// Whether the clock that shows this instant is the machine's and is synchronised.
pub(crate) fn is_synchronised(now: Timestamp) -> bool {
    by_kernel(now) || by_service(Path::new(COMPARED), now)
}

/// The kernel's word (adjtimex(2)): an error, or the flag that nobody disciplines the clock, is a no. Setting the clock by hand
/// raises that flag as well.
#[cfg(target_os = "linux")]
fn by_kernel(now: Timestamp) -> bool {
    /// `STA_UNSYNC` and the state `TIME_ERROR` (adjtimex(2)).
    const UNSYNCHRONISED: (i32, i32) = (0x40, 5);
    let mut asked = rtime_clock::adjtime::Timex::new();
    let Ok(state) = rtime_clock::adjtime::adjtimex(&mut asked) else { return false };
    let theirs = Timestamp::from_second(asked.0.time.tv_sec);
    let is_same = theirs.is_ok_and(|theirs| theirs.duration_since(now).abs() <= SAME_CLOCK);
    is_same && state != UNSYNCHRONISED.1 && asked.0.status & UNSYNCHRONISED.0 == 0
}

#[cfg(not(target_os = "linux"))]
fn by_kernel(_: Timestamp) -> bool {
    false
}

fn by_service(compared: &Path, now: Timestamp) -> bool {
    let when = std::fs::metadata(compared).and_then(|found| found.modified()).ok();
    let when = when.and_then(|when| Timestamp::try_from(when).ok());
    when.is_some_and(|when| now.duration_since(when).abs() <= LATELY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_the_machines_is_never_synchronised() {
        let folder = tempfile::tempdir().unwrap();
        let compared = folder.path().join("synchronized");
        std::fs::write(&compared, "").unwrap();
        let written = Timestamp::try_from(std::fs::metadata(&compared).unwrap().modified().unwrap()).unwrap();
        assert!(by_service(&compared, written + SignedDuration::from_hours(1)));
        assert!(!by_service(&compared, written + SignedDuration::from_hours(24)));
        assert!(!by_service(&compared, written - SignedDuration::from_hours(24)));
        assert!(!by_service(&folder.path().join("none"), written));
        assert!(!by_kernel(written + SignedDuration::from_hours(24)), "the kernel's time is another");
    }
}
