//! The program `rondo`: joins the parts, and speaks with people.

mod again;
mod args;
mod builtin;
mod demo;
mod desk;
mod failure;
mod held;
mod https;
mod lead;
mod nouns;
mod output;
mod place;
mod printed;
mod reach;
mod receipts;
mod register;
mod rehearse;
mod remote;
mod review;
mod run;
mod task;
mod up;
mod witness;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use rondo_runtime::config::Config;
use rondo_runtime::telemetry::{self, ALWAYS, Flushed, LogFormat};

use crate::args::{AuditVerb, CalendarVerb, Cli, Command, KeyVerb, PersonVerb};
use crate::failure::Failure;
use crate::output::{Form, hint};

/// Commands and records are made on one thread and let go on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let form = cli.output;
    // What was said is written before the process ends, however it does.
    let mut flushed = None;
    match work(cli, &mut flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, form);
            failure.exit_code()
        }
    }
}

fn tell(failure: &Failure, form: Form) {
    if output::is_into_the_log() {
        tracing::error!(target: ALWAYS, code = failure.code, "{}", failure.sentence);
    } else if matches!(form, Form::Json | Form::Jsonl) {
        let error = serde_json::json!({"version": 1, "error": failure.sentence, "code": failure.code});
        hint(&error.to_string());
    } else {
        hint(&format!("rondo: {}", failure.sentence));
    }
}

fn work(cli: Cli, flushed: &mut Option<Flushed>) -> Result<(), Failure> {
    let mut config = match &cli.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if let Some(data) = &cli.data {
        config.ledger.data.clone_from(data);
    }
    if let Some(handed) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        config.take_credentials(std::path::Path::new(&handed));
    }
    telemetry::start(config.log.format, &config.log.filter, &cli.command.process()).map_err(Failure::usage)?;
    if cli.command.serves() {
        *flushed = Some(telemetry::write_apart(config.log.format, &cli.command.process()));
    }
    if cli.command.serves() && (config.log.format == LogFormat::Json || !std::io::stderr().is_terminal()) {
        output::into_the_log();
    }
    let serving = cli.command.serving();
    output::of_roles(&serving, "begins");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("the runtime cannot be started: {e}")))?;
    let done = runtime.block_on(dispatch(cli, config));
    // Whoever insisted on the end does not wait for a disk that hangs.
    runtime.shutdown_background();
    if done.is_ok() {
        output::of_roles(&serving, "has ended");
    }
    done
}

async fn dispatch(cli: Cli, config: Config) -> Result<(), Failure> {
    match &cli.command {
        Command::Up(args) => up::up(config, args).await,
        // A start holds all that it opens until it runs.
        Command::Run(args) => Box::pin(run::run(config, args)).await,
        Command::Conduct(args) => run::conduct(config, args).await,
        Command::Rehearse(args) if args.round.is_none() => rehearse::run(args, &config, cli.output).await,
        Command::Check(args) => nouns::check::check(args, cli.output),
        Command::Calendar(CalendarVerb::Show { workflow, country, place, year, round: None }) => {
            nouns::calendar::show_of(workflow, (country, place.as_ref()), *year, cli.output)
        }
        Command::Workflow(verb) => nouns::workflow::run(verb, cli.output),
        Command::Config(verb) => nouns::config::run(verb, &config, cli.output).await,
        // The register is no part of the log, which may be elsewhere.
        Command::Person(PersonVerb::Add { who, name, email, language }) => {
            nouns::person::add(who, (name, email, language), &config, cli.output)
        }
        Command::Mail(verb) => nouns::mail::run(verb, &config, cli.output).await,
        Command::Backup { out } => nouns::backup::backup(&config.ledger.data, out, cli.output),
        Command::Restore { from } => nouns::backup::restore(from, &config.ledger.data, cli.output),
        Command::Doctor => nouns::doctor::run(&config, cli.output),
        Command::Completions { shell } => nouns::manual::completions(*shell),
        Command::Manual { out } => nouns::manual::write(out),
        Command::Audit(verb @ AuditVerb::Verify { .. }) => nouns::audit::verify(verb, &config, cli.output),
        Command::Audit(AuditVerb::Clock { today }) => {
            nouns::audit::confirm_clock(*today, &config.ledger.data, cli.output)
        }
        Command::Audit(AuditVerb::Continue { reason, to, although_nothing_shows_it: although }) => {
            nouns::key::go_on(&cli, &config, reason, to.as_deref(), *although).await
        }
        Command::Audit(AuditVerb::Key(KeyVerb::Create { out })) => nouns::key::create(out, cli.output),
        Command::Audit(AuditVerb::Key(KeyVerb::Rotate { reason, to })) => {
            nouns::key::rotate(&cli, &config, reason, to.as_deref()).await
        }
        _ => nouns::with_log(&cli, &config).await,
    }
}
