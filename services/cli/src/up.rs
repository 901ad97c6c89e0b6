//! `rondo up`: every role in one process, with the in-process bus.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rondo_domain::Service;
use rondo_eventlog::Ledger;
use rondo_ledger::{LedgerConfig, Opened, upkeep};
use rondo_runtime::chance::{Chance, SystemChance};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::config::{Config, MailSection, MailTransport};
use rondo_runtime::durable;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::{Board, Progress};
use rondo_runtime::secret::Secret;

use crate::args::UpArgs;
use crate::demo;
use crate::failure::Failure;
use crate::output::hint;
use crate::reach::{ANNOUNCEMENT, Announcement};
use crate::witness::{self, Witnesses};

/// Runs until a signal comes, or, with `--until-done`, until the demonstration's round is published and the log verified.
pub(crate) async fn up(mut config: Config, args: &UpArgs) -> Result<(), Failure> {
    if let Some(listen) = &args.listen {
        config.gateway.listen.clone_from(listen);
    } else if args.until_done {
        "127.0.0.1:0".clone_into(&mut config.gateway.listen);
    }
    let mut lifecycle = Lifecycle::default();
    let bound = rondo_gateway::bind(&config.gateway.listen).await?;
    link_here(&mut config.mail, bound.address);
    let cast = if args.demo { Some(demo::Cast::builtin()?) } else { None };
    if args.demo {
        demo::may_play(&config)?;
    }
    if args.demo || demo::is_marked(&config.ledger.data) {
        config.gateway.notice = demo::NOTICE.to_owned();
        config.mail.notice = demo::NOTICE.to_owned();
        hint(demo::NOTICE);
    }
    let begin = cast.as_ref().map(|cast| demo::resume_at(&config, cast)).transpose()?;
    let paced = begin.map(PacedClock::new);
    let clock: Arc<dyn Clock> = match &paced {
        Some(paced) => Arc::new(paced.clone()),
        None => demo::clock_of(&config.ledger.data),
    };
    let witnesses = Witnesses::from_config(&config)?;
    let opened = open(&config, &clock, cast.as_ref())?;
    match lifecycle.unless_asked(witness::before_signing(witnesses.as_ref(), &opened.handle)).await {
        Some(Ok(())) => {}
        given_up => {
            lifecycle.spawn("ledger", opened.without_signing().run(lifecycle.stop()));
            return end(lifecycle, given_up.unwrap_or(Ok(())).map_err(Failure::from)).await;
        }
    }
    let handle = opened.handle.clone();
    let (ledger, board) = (Arc::new(handle.clone()) as Arc<dyn Ledger>, handle.board().clone());
    lifecycle.spawn("upkeep", upkeep::run(handle.clone(), witness::late(&config), lifecycle.stop()));
    lifecycle.spawn("ledger", opened.run(lifecycle.stop()));
    let held = crate::held::hold(&ledger, &config.ledger.data, args.paused);
    match lifecycle.unless_asked(held).await {
        Some(Ok(())) => {}
        given_up => return end(lifecycle, given_up.unwrap_or(Ok(()))).await,
    }
    if let Some(witnesses) = witnesses {
        witnesses.start(&mut lifecycle, handle);
    }
    let parts = (&ledger, &clock, &board);
    let announced = match start_roles(&mut lifecycle, &config, parts, bound) {
        Ok(announced) => announced,
        Err(failure) => return end(lifecycle, Err(failure)).await,
    };
    let played = match (cast, paced) {
        (Some(cast), Some(paced)) => {
            let conductor = demo::Conductor::new(cast, ledger, Box::new(board), demo::Hands::Local(paced), args.pace);
            run_with(lifecycle, conductor, args.until_done).await
        }
        _ => lifecycle.run(std::future::pending()).await.map_err(Failure::from),
    };
    announced.remove();
    played?;
    if args.until_done {
        crate::nouns::audit::verify_directory(&config.ledger.data, crate::output::Form::Table)
    } else {
        Ok(())
    }
}

/// Brings to its end in order what has begun, where a start was given up: asked to stop, or with a failure.
pub(crate) async fn end(lifecycle: Lifecycle, why: Result<(), Failure>) -> Result<(), Failure> {
    let ended = lifecycle.end().await.map_err(Failure::from);
    why.and(ended)
}

/// Opens the log. A demonstration's is marked as one.
fn open(config: &Config, clock: &Arc<dyn Clock>, cast: Option<&demo::Cast>) -> Result<Opened, Failure> {
    crate::place::may_hold_a_log(&config.ledger.data)?;
    let opened = rondo_ledger::open(&LedgerConfig {
        data: config.ledger.data.clone(),
        origin: config.ledger.origin.clone(),
        clock: Arc::clone(clock),
        chance: Arc::new(SystemChance),
    })?;
    for note in &opened.notes {
        hint(note);
    }
    if let Some(cast) = cast {
        demo::mark(&config.ledger.data)?;
        cast.write_people(&config.in_data(&config.mail.people))?;
    }
    // The reminder is here, and so is its register.
    crate::register::begin(config);
    Ok(opened)
}

/// Lets links in mails lead to the address that is served, unless the configuration names another.
fn link_here(mail: &mut MailSection, address: SocketAddr) {
    if mail.base_url == MailSection::default().base_url {
        mail.base_url = format!("http://{address}");
    }
}

/// Says so where real mail would hold links that its recipients cannot open.
pub(crate) fn links_lead_nowhere(mail: &MailSection) {
    let host = mail.base_url.split("//").nth(1).unwrap_or_default();
    let is_here = ["127.", "localhost", "[::1]", "0.0.0.0"].iter().any(|here| host.starts_with(here));
    if mail.transport == MailTransport::Smtp && is_here {
        hint(&format!(
            "Links in mails lead to {}, which nobody else can open: set mail.base-url to the address people use.",
            mail.base_url
        ));
    }
}

/// Runs the roles beside the conductor.
async fn run_with(lifecycle: Lifecycle, conductor: demo::Conductor, until_done: bool) -> Result<(), Failure> {
    let (told, outcome) = tokio::sync::oneshot::channel();
    let play = async move {
        let played = conductor.play().await;
        let failed = played.is_err();
        // The other end waits for this alone.
        let _ = told.send(played);
        if !until_done && !failed {
            hint("The round is played; the pages stay up. Stop with Ctrl-C.");
            std::future::pending::<()>().await;
        }
    };
    let ended = lifecycle.run(play).await.map_err(Failure::from);
    match outcome.await {
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(())) => ended,
        Err(_) if until_done => ended.and(Err(Failure::failed("stopped before the round was published"))),
        Err(_) => ended,
    }
}

/// Starts the roles that act on the log, and the pages, and announces the server.
fn start_roles(
    lifecycle: &mut Lifecycle,
    config: &Config,
    (ledger, clock, board): (&Arc<dyn Ledger>, &Arc<dyn Clock>, &Board),
    bound: rondo_gateway::Bound,
) -> Result<Announced, Failure> {
    let progress: Arc<dyn Progress> = Arc::new(board.clone());
    lifecycle.heed(board);
    for role in Service::ACTING_NAMES {
        board.begins(role);
        crate::run::start_role(lifecycle, role, config, Arc::clone(ledger), Arc::clone(clock), Arc::clone(&progress))?;
    }
    let (token, address) = (token()?, bound.address);
    let announced = Announced::write(&config.ledger.data, &address.to_string(), &token)?;
    let parts = rondo_gateway::Parts {
        ledger: Arc::clone(ledger),
        roles: Arc::new(board.clone()),
        clock: Arc::clone(clock),
        notice: config.gateway.notice.clone(),
        token,
    };
    lifecycle.spawn("gateway", rondo_gateway::run(bound, parts, lifecycle.stop()));
    hint(&format!("Rondo is up: http://{address}  (data in {})", config.ledger.data.display()));
    Ok(announced)
}

pub(crate) fn token() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    SystemChance.fill(&mut bytes).map_err(|e| Failure::of(&e))?;
    Ok(hex::encode(bytes))
}

/// The announcement of a running server, in its data directory.
pub(crate) struct Announced(PathBuf);

impl Announced {
    pub(crate) fn write(data: &Path, address: &str, token: &str) -> Result<Self, Failure> {
        let path = data.join(ANNOUNCEMENT);
        let announcement = Announcement { url: format!("http://{address}"), token: Secret::new(token) };
        let text = serde_json::to_string(&announcement).map_err(|e| Failure::of(&e))?;
        // All or nothing: whoever looks for a server meanwhile reads a whole one.
        durable::replace_private(&path, text.as_bytes()).map_err(|e| Failure::of(&e))?;
        Ok(Self(path))
    }

    pub(crate) fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!("the announcement of this server could not be removed: {error}");
        }
    }
}
