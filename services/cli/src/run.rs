//! Roles: how each service is joined with its parts, in one process or over NATS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rondo_bus::{BusBoard, BusClock, BusLedger, ClockHand, Credentials, Denied};
use rondo_eventlog::Ledger;
use rondo_ledger::{LedgerConfig, upkeep};
use rondo_reminder::transport::Signer;
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{Clock, VouchedClock};
use rondo_runtime::config::{Config, read_secret};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::patient::{Patient, until_stopped};
use rondo_runtime::progress::{Board, Progress};
use rondo_runtime::savepoint::Savepoints;

use crate::args::{ConductArgs, RunArgs};
use crate::failure::Failure;
use crate::output::hint;
use crate::witness::{self, Witnesses};
use crate::{demo, place, up};

/// Starts one of the four roles that act on the log.
pub(crate) fn start_role(
    lifecycle: &mut Lifecycle,
    role: &str,
    config: &Config,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
) -> Result<(), Failure> {
    let stop = lifecycle.stop();
    let ledger: Arc<dyn Ledger> = Arc::new(Patient::new(ledger, stop.clone()));
    match role {
        rondo_scheduler::ROLE => {
            let savepoints = Savepoints::of(&config.in_data(Path::new("savepoints")), role);
            let run = rondo_scheduler::run(ledger, clock, progress, Some(savepoints), stop.clone());
            lifecycle.spawn(rondo_scheduler::ROLE, until_stopped(run, stop));
        }
        rondo_reminder::ROLE => {
            let transport = rondo_reminder::transport::from_config(config)?;
            up::links_lead_nowhere(&config.mail);
            let people = Arc::new(config.in_data(&config.mail.people));
            let signer = Signer::from_config(&config.mail)?;
            let (inbox, mail) = (Some(config.in_data(&config.mail.inbox)), config.mail.clone());
            let returns = rondo_reminder::ReturnPath::from_config(config, &SystemChance)?;
            let parts =
                rondo_reminder::Parts { ledger, clock, progress, transport, signer, returns, inbox, mail, people };
            lifecycle.spawn(rondo_reminder::ROLE, until_stopped(rondo_reminder::run(parts, stop.clone()), stop));
        }
        rondo_validator::ROLE => {
            let run = rondo_validator::run(ledger, progress, stop.clone());
            lifecycle.spawn(rondo_validator::ROLE, until_stopped(run, stop));
        }
        rondo_publisher::ROLE => {
            let folder = config.in_data(&config.publish.folder);
            std::fs::create_dir_all(&folder)
                .map_err(|e| Failure::failed(format!("cannot create {}: {e}", folder.display())))?;
            let run = rondo_publisher::run(ledger, folder, progress, stop.clone());
            lifecycle.spawn(rondo_publisher::ROLE, until_stopped(run, stop));
        }
        other => return Err(Failure::usage(format!("there is no role `{other}`"))),
    }
    Ok(())
}

/// Runs roles as a process of their own over NATS.
pub(crate) async fn run(mut config: Config, args: &RunArgs) -> Result<(), Failure> {
    if let Some(url) = &args.nats {
        config.bus.url.clone_from(url);
    }
    rondo_runtime::durable::clear_unfinished(&config.ledger.data);
    place::mark(&config.ledger.data, &args.roles);
    let mut lifecycle = Lifecycle::default();
    match start(&mut lifecycle, &config, args).await {
        Ok(true) => lifecycle.run(std::future::pending()).await.map_err(Failure::from),
        given_up => up::end(lifecycle, given_up.map(|_| ())).await,
    }
}

/// Starts the roles, one after the other; says whether nobody asked to stop meanwhile.
async fn start(lifecycle: &mut Lifecycle, config: &Config, args: &RunArgs) -> Result<bool, Failure> {
    let mut roles: Vec<&str> = args.roles.iter().map(String::as_str).collect();
    roles.dedup();
    // The others cannot do anything before the ledger answers, so that it comes first.
    roles.sort_by_key(|role| *role != "ledger");
    for role in roles {
        let Some(joined) = lifecycle.unless_asked(join(config, role)).await else { return Ok(false) };
        let (client, denied, clock) = joined?;
        ends_where_denied(lifecycle, denied);
        match role {
            "ledger" => {
                if !start_ledger(lifecycle, config, client, clock, args.paused).await? {
                    return Ok(false);
                }
            }
            "gateway" => start_gateway(lifecycle, config, client, clock).await?,
            _ => {
                let ledger: Arc<dyn Ledger> = Arc::new(BusLedger::new(client.clone(), role).await?);
                let board = Board::default();
                rondo_bus::tell(client, board.clone()).await?;
                if role == rondo_reminder::ROLE {
                    crate::register::begin(config);
                }
                start_role(lifecycle, role, config, ledger, clock, Arc::new(board))?;
            }
        }
        hint(&format!("The {role} is up, over {}.", config.bus.url));
    }
    Ok(true)
}

/// A connection of a role's own, and the clock it goes by.
async fn join(config: &Config, role: &str) -> Result<(rondo_bus::Client, Denied, Arc<dyn Clock>), Failure> {
    let (client, denied) = connect(config, role).await?;
    let clock: Arc<dyn Clock> = if config.bus.paced_clock {
        Arc::new(BusClock::new(client.clone()).await?)
    } else {
        Arc::new(VouchedClock::new(rondo_ledger::time::path(&config.ledger.data)))
    };
    Ok((client, denied, clock))
}

/// Ends the process where the broker denies a role what it needs: it would wait for ever for what it never hears.
fn ends_where_denied(lifecycle: &mut Lifecycle, denied: Denied) {
    let mut asked = lifecycle.stop();
    lifecycle.spawn("bus", async move {
        tokio::select! {
            denied = denied.happens() => Err(denied),
            () = asked.wait() => Ok(()),
        }
    });
}

/// The name and password for the broker, if the configuration has them.
pub(crate) fn credentials(config: &Config) -> Result<Option<Credentials>, Failure> {
    match (&config.bus.user, &config.bus.password_file) {
        (Some(user), Some(path)) => Ok(Some(Credentials { user: user.clone(), password: read_secret(path)? })),
        (None, None) => Ok(None),
        _ => Err(Failure::usage("bus.user and bus.password-file are given together or not at all")),
    }
}

async fn connect(config: &Config, client: &str) -> Result<(rondo_bus::Client, Denied), Failure> {
    let credentials = credentials(config)?;
    rondo_bus::join(&config.bus.url, client, credentials)
        .await
        .map_err(|e| Failure::try_later(rondo_runtime::lifecycle::with_sources(&e)))
}

/// Starts the ledger once it has its log to itself; says whether it was not asked to stop before.
async fn start_ledger(
    lifecycle: &mut Lifecycle,
    config: &Config,
    client: rondo_bus::Client,
    clock: Arc<dyn Clock>,
    paused: bool,
) -> Result<bool, Failure> {
    let witnesses = Witnesses::from_config(config)?;
    let Some(connected) = lifecycle.unless_asked(connect(config, "ledger")).await else { return Ok(false) };
    let (claims, denied) = connected?;
    ends_where_denied(lifecycle, denied);
    let opened = rondo_ledger::open(&LedgerConfig {
        data: config.ledger.data.clone(),
        origin: config.ledger.origin.clone(),
        clock,
        chance: Arc::new(SystemChance),
    })?;
    for note in &opened.notes {
        hint(note);
    }
    let history = Arc::new(opened.handle.clone());
    let leads = async {
        let leadership = crate::lead::claim(claims, &opened, &config.ledger.data).await?;
        witness::before_signing(witnesses.as_ref(), &history).await?;
        rondo_bus::tell(client.clone(), opened.handle.board().clone()).await?;
        Ok::<_, Failure>(leadership)
    };
    let leadership = match lifecycle.unless_asked(leads).await {
        Some(Ok(leadership)) => leadership,
        given_up => {
            lifecycle.spawn("ledger", opened.without_signing().run(lifecycle.stop()));
            return given_up.transpose().map(|_| false);
        }
    };
    lifecycle.heed(opened.handle.board());
    lifecycle.spawn("upkeep", upkeep::run(opened.handle.clone(), witness::late(config), lifecycle.stop()));
    if let Some(witnesses) = witnesses {
        witnesses.start(lifecycle, opened.handle.clone());
    }
    lifecycle.spawn("ledger", opened.run(lifecycle.stop()));
    let ledger: Arc<dyn Ledger> = history.clone();
    match lifecycle.unless_asked(crate::held::hold(&ledger, &config.ledger.data, paused)).await {
        Some(Ok(())) => {}
        given_up => {
            // What waits for the broker is let go, and what was recorded is brought to rest.
            leadership.stops();
            return given_up.transpose().map(|_| false);
        }
    }
    let mut asked = lifecycle.stop();
    lifecycle.spawn("bus", async move {
        let served = tokio::select! {
            served = rondo_bus::serve(client, history, leadership.clone()) => served,
            () = asked.wait() => Ok(()),
        };
        // However it ends: nothing waits for a broker that may not come back.
        leadership.stops();
        served
    });
    Ok(true)
}

async fn start_gateway(
    lifecycle: &mut Lifecycle,
    config: &Config,
    client: rondo_bus::Client,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    let roles = Arc::new(BusBoard::new(client.clone()).await?);
    roles.ask().await?;
    let ledger: Arc<dyn Ledger> = Arc::new(BusLedger::new(client, "gateway").await?);
    let bound = rondo_gateway::bind(&config.gateway.listen).await?;
    std::fs::create_dir_all(&config.ledger.data)
        .map_err(|e| Failure::failed(format!("cannot create {}: {e}", config.ledger.data.display())))?;
    let token = up::token()?;
    let address = bound.address;
    let announced = up::Announced::write(&config.ledger.data, &address.to_string(), &token)?;
    let parts = rondo_gateway::Parts { ledger, roles, clock, notice: config.gateway.notice.clone(), token };
    let stop = lifecycle.stop();
    lifecycle.spawn("gateway", async move {
        let served = rondo_gateway::run(bound, parts, stop).await;
        announced.remove();
        served
    });
    hint(&format!("Pages: http://{address}"));
    Ok(())
}

/// Plays the demonstration's cast against roles elsewhere: moves their clock and acts for their people.
pub(crate) async fn conduct(mut config: Config, args: &ConductArgs) -> Result<(), Failure> {
    if let Some(url) = &args.nats {
        config.bus.url.clone_from(url);
    }
    let (client, _) = connect(&config, "operator").await?;
    let cast = demo::Cast::builtin()?;
    let hand = Arc::new(ClockHand::new(client.clone(), cast.begin).await?);
    let board = BusBoard::new(client.clone()).await?;
    let ledger: Arc<dyn Ledger> = Arc::new(BusLedger::new(client, "operator").await?);
    // The conductor is asked to stop by nobody; whoever started it ends it.
    let lifecycle = Lifecycle::default();
    let ledger: Arc<dyn Ledger> = Arc::new(Patient::new(ledger, lifecycle.stop()));
    let (asking, telling) = (board.clone(), Arc::clone(&hand));
    // Messages of the bus may be lost while a role is started again: what was said is said again.
    let repeating = tokio::spawn(async move {
        let mut again = tokio::time::interval(Duration::from_millis(250));
        loop {
            again.tick().await;
            let _ = asking.ask().await;
            let _ = telling.tell().await;
        }
    });
    let hands = demo::Hands::Far(Box::new(FarHand(hand)));
    let played = demo::Conductor::new(cast, ledger, Box::new(FarBoard(board)), hands, args.pace).play().await;
    lifecycle.ask();
    repeating.abort();
    played
}

struct FarHand(Arc<ClockHand>);

#[async_trait]
impl demo::Mover for FarHand {
    async fn advance(&self, to: Timestamp) -> Result<(), Failure> {
        Ok(self.0.advance(to).await?)
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct FarBoard(BusBoard);

impl demo::Watch for FarBoard {
    fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool {
        self.0.is_quiet(roles, size, now)
    }

    fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp> {
        self.0.next_due(roles)
    }
}
