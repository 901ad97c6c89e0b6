//! What keeps steps from firing is noticed and said: a scheduler that is silent, a clock that is set.

use std::sync::Arc;

use jiff::Timestamp;
use rondo_domain::coming::{SILENCE, silence};
use rondo_domain::notice::{About, NoticeCommand, Refusal};
use rondo_domain::round::RoundCommand;
use rondo_domain::{Role, Wish};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::{Board, Progress};

use crate::office::Office;

#[tokio::test]
async fn a_scheduler_that_is_silent_is_noticed_and_a_paused_round_is_not() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-02T00:00:00Z").await;
    let world = office.world().await;
    let (launch, step) = ("2026-03-16T02:00:00Z".parse::<Timestamp>().unwrap(), jiff::SignedDuration::from_mins(1));
    assert_eq!(silence(&world, launch + SILENCE), None, "a quarter of an hour is no alarm");
    let (count, first) = silence(&world, launch + SILENCE + step).unwrap();
    assert_eq!(
        (count, first.at),
        (2, launch),
        "the launch, and the invitation to Timor-Leste, where it is eleven by then"
    );
    let command = RoundCommand::Pause { reason: "nobody is here".to_owned() };
    office.act("coordinator", Wish::Round { round: meeting, command }).await.unwrap();
    assert_eq!(silence(&office.world().await, launch + SILENCE + step), None);
}

/// A clock that is set, and a steady one beside it.
struct SetClock(std::sync::Mutex<(Timestamp, u64)>);

#[async_trait::async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn steady(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(self.0.lock().unwrap().1))
    }

    async fn sleep_until(&self, until: Timestamp) {
        while self.now() < until {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_forward_fires_nothing_and_says_so() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-02T00:00:00Z").await;
    let clock = Arc::new(SetClock(std::sync::Mutex::new((office.clock.now(), 1_000))));
    let (mut lifecycle, board) = (Lifecycle::default(), Board::default());
    let stop = lifecycle.stop();
    let (as_clock, as_progress): (Arc<dyn Clock>, Arc<dyn Progress>) = (clock.clone(), Arc::new(board.clone()));
    lifecycle.spawn("scheduler", rondo_scheduler::run(Arc::clone(&office.ledger), as_clock, as_progress, None, stop));
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let lives = tokio::spawn(lifecycle.run(async move { finished.await.unwrap_or(()) }));
    let come = async |what: &str, holds: &dyn Fn() -> bool| {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it does not come to this: {what}");
    };
    come("it rests", &|| board.places().contains_key("scheduler")).await;
    // Thirty days at once, and a minute by the machine.
    *clock.0.lock().unwrap() = ("2026-04-01T00:00:00Z".parse().unwrap(), 1_060);
    office.clock.advance("2026-04-01T00:00:00Z".parse().unwrap());
    come("it is suspended", &|| !board.alarms().is_empty()).await;
    let why = board.alarms()[0].says.clone();
    assert!(why.contains("set forward") && why.contains("nothing fires"), "{why}");
    let world = office.world().await;
    assert_eq!(world.round(&meeting).unwrap().state.as_str(), "configured", "the launch of 16 March did not fire");
    done.send(()).unwrap();
    lives.await.unwrap().unwrap();
}

/// What the gateway answers at a path.
async fn asked(address: std::net::SocketAddr, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{address}{path}")).send().await.unwrap().text().await.unwrap()
}

/// Waits until something holds, and fails where it does not come to that.
async fn until(holds: impl AsyncFn() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it does not come to this");
}

/// The pages of an office's log, with what its roles show; and what ends them.
async fn pages(office: &Office, board: &Board) -> (std::net::SocketAddr, impl AsyncFnOnce() + use<>) {
    let mut lifecycle = Lifecycle::default();
    let bound = rondo_gateway::bind("127.0.0.1:0").await.unwrap();
    let address = bound.address;
    let clock: Arc<dyn Clock> = Arc::new(office.clock.clone());
    let (ledger, token) = (Arc::clone(&office.ledger), "token".to_owned());
    let parts = rondo_gateway::Parts { ledger, roles: Arc::new(board.clone()), clock, notice: String::new(), token };
    let stop = lifecycle.stop();
    lifecycle.spawn("gateway", rondo_gateway::run(bound, parts, stop));
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let lives = tokio::spawn(lifecycle.run(async move { finished.await.unwrap_or(()) }));
    let end = async move || {
        done.send(()).unwrap();
        lives.await.unwrap().unwrap();
    };
    (address, end)
}

#[tokio::test]
async fn silence_and_a_set_clock_are_told_on_the_page_by_health_and_by_a_number() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    office.grant("lao-focal", Role::FocalPoint, Some("LAO")).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-02T00:00:00Z").await;
    let board = Board::default();
    let (address, end) = pages(&office, &board).await;
    let size = office.ledger.head().await.unwrap().size;
    let health = async || serde_json::from_str::<serde_json::Value>(&asked(address, "/health").await).unwrap();
    until(async || health().await["pages_read"] == size).await;
    let page = "/rounds/technical-meeting-2026";
    let overdue = |numbers: &str| {
        let line = numbers.lines().find(|line| line.starts_with("rondo_overdue_steps ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no rondo_overdue_steps in {numbers}"))
    };
    assert_eq!(health().await["alarms"], serde_json::json!([]));
    assert_eq!(overdue(&asked(address, "/metrics").await), "rondo_overdue_steps 0");
    let told = asked(address, page).await;
    assert!(told.contains("technical-meeting-2026") && !told.contains("The scheduler"), "all is well: {told}");

    // The hour of the launch passes, and no scheduler runs; the clock is found to have been set besides.
    office.clock.advance("2026-03-16T02:16:00Z".parse().unwrap());
    let waits = "The scheduler waits: the clock was set forward by 40 minutes.";
    board.alarm("scheduler", AlarmCode::ClockSet, Some(waits));
    let silent = "The scheduler is silent: 2 steps have not fired; the first was due Mon 16 Mar 2026";
    let told = health().await;
    assert_eq!(told["status"], "degraded");
    let alarms: Vec<(&str, &str)> = told["alarms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| (alarm["code"].as_str().unwrap(), alarm["says"].as_str().unwrap()))
        .collect();
    let [("clock-set", first), ("steps-overdue", second)] = alarms[..] else { panic!("{alarms:?}") };
    assert!(first == waits && second.starts_with(silent), "{alarms:?}");
    assert_eq!(overdue(&asked(address, "/metrics").await), "rondo_overdue_steps 2");
    let told = asked(address, page).await;
    assert!(told.contains(silent) && told.contains(waits), "{told}");

    // It runs again.
    office.move_to("2026-03-18T00:00:00Z").await;
    board.alarm("scheduler", AlarmCode::ClockSet, None);
    let size = office.ledger.head().await.unwrap().size;
    until(async || health().await["pages_read"] == size).await;
    // No reminder runs, so that the invitation waits; that is said as well.
    let told = health().await;
    assert_eq!((told["alarms"].as_array().unwrap().len(), &told["alarms"][0]["code"]), (1, &"mail-late".into()));
    assert_eq!((&told["mail"]["states"]["due"], &told["roles"]["scheduler"]["lag"]), (&1.into(), &size.into()));
    let told = asked(address, page).await;
    assert!(told.contains("technical-meeting-2026") && !told.contains("The scheduler"), "all is well again: {told}");

    // The mail server refuses the invitation for what it is.
    let notices = office.world().await.notices(&meeting).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    let [notice] = &notices[..] else { panic!("one mail is due, not {notices:?}") };
    let refusal = Refusal::new(About::Mail, 552, "too large");
    let attempt = NoticeCommand::Attempt { attempt: 1, message_id: "one@example.org".to_owned(), address_token: None };
    for command in [attempt, NoticeCommand::Refuse { attempt: 1, refusal }] {
        let wish = Wish::Notice { round: meeting.clone(), notice: notice.clone(), command };
        office.act("reminder", wish).await.unwrap();
    }
    let stuck = "A mail of technical-meeting-2026 did not leave, or may not have: see its mail log.";
    until(async || health().await["alarms"][0]["says"] == stuck).await;
    let alarm = serde_json::json!({"code": "mail-stuck", "role": "reminder", "says": stuck});
    assert_eq!(health().await["alarms"], serde_json::json!([alarm]));
    assert!(asked(address, page).await.contains(stuck));
    end().await;
}
