//! `rondo mail`.

use rondo_reminder::transport::{self, Outcome};
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_runtime::config::{Config, MailTransport};
use serde_json::json;

use crate::args::MailVerb;
use crate::failure::Failure;
use crate::output::{Form, document};

pub(crate) async fn run(verb: &MailVerb, config: &Config, form: Form) -> Result<(), Failure> {
    let MailVerb::Test { to } = verb;
    let outcome = transport::test(config, to, SystemClock.now()).await?;
    match outcome {
        Outcome::Accepted => {
            if config.mail.transport == MailTransport::Folder {
                let folder = config.in_data(&config.mail.folder);
                let told = format!(
                    "No mail server is set (mail.transport), so that the test mail to {to} was written as a file into {} and left for nobody; so is all mail of a reminder with these settings.",
                    folder.display()
                );
                return document(form, json!({ "mail": { "taken": false, "folder": folder } }), &told);
            }
            let told = format!("The test mail to {to} was taken. See that it arrives, and not among the unwanted.");
            document(form, json!({ "mail": { "taken": true } }), &told)
        }
        Outcome::Unknown(reason) => {
            Err(Failure::failed(format!("nobody knows whether the test mail was taken: {reason}")))
        }
        Outcome::Unavailable(refusal) | Outcome::RefusedForNow(refusal) | Outcome::Refused(refusal) => {
            Err(Failure::failed(format!("the test mail was not taken: {}", refusal.told())))
        }
    }
}
