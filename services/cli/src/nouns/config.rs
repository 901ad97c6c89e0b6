//! `rondo config`.

use rondo_runtime::config::{Config, MailTransport};

use crate::args::ConfigVerb;
use crate::failure::Failure;
use crate::output::{Form, document, line, said};

/// The example, with every key at its default.
const EXAMPLE: &str = include_str!("../../../../deploy/config.example.toml");

pub(crate) async fn run(verb: &ConfigVerb, config: &Config, form: Form) -> Result<(), Failure> {
    match verb {
        ConfigVerb::Example => line(EXAMPLE.trim_end()),
        ConfigVerb::Check { connect } => {
            rondo_gateway::permitted(&config.gateway.listen)?;
            rondo_reminder::transport::check(config)?;
            crate::run::credentials(config)?;
            crate::up::links_lead_nowhere(&config.mail);
            said(
                form,
                "The configuration can be used: addresses are well-formed, secrets and certificates can be read.",
            )?;
            if !connect {
                return Ok(());
            }
            rondo_reminder::transport::greet(config).await?;
            said(
                form,
                match config.mail.transport {
                    MailTransport::Folder => "Mail goes into a folder; there is no mail server to be greeted.",
                    MailTransport::Smtp if config.mail.user.is_some() => {
                        "The mail server takes the user name and the password."
                    }
                    MailTransport::Smtp => "The mail server greets; nobody signs in there.",
                },
            )
        }
        ConfigVerb::Show => {
            let text = toml::to_string_pretty(config).map_err(|e| Failure::of(&e))?;
            let value = serde_json::to_value(config).map_err(|e| Failure::of(&e))?;
            document(form, serde_json::json!({ "config": value }), &text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_every_key_at_its_default() {
        let read: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(read, Config::default());
        let every = toml::Value::try_from(Config::default()).unwrap();
        for (section, keys) in every.as_table().unwrap() {
            assert!(EXAMPLE.contains(&format!("[{section}]")), "{section}");
            for key in keys.as_table().unwrap().keys() {
                assert!(EXAMPLE.contains(&format!("\n{key} = ")), "{section}.{key}");
            }
        }
        for optional in ["user", "password-file", "ca-file"] {
            assert!(EXAMPLE.contains(&format!("\n# {optional} = ")), "{optional}");
        }
    }
}
