//! What the service manager is told (sd_notify(3)): that the program is ready, that it stops, and that it is alive. Where nobody
//! listens, nothing is told.

use std::convert::Infallible;

use sd_notify::NotifyState;

use crate::alarm::AlarmCode;
use crate::progress::Board;

/// Says that what the program offers can be used.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the program is on its way out.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says again and again that the program is alive, as often as the manager asks; no longer, while the log cannot be written: a
/// program that is started anew may have its disk back.
pub(crate) async fn alive(board: Option<Board>) -> Infallible {
    let Some(within) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut again = tokio::time::interval(within / 3);
    loop {
        again.tick().await;
        let alarms = board.as_ref().map(Board::alarms).unwrap_or_default();
        if alarms.iter().all(|alarm| alarm.code != AlarmCode::WritePath) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager could not be told: {error}");
    }
}
