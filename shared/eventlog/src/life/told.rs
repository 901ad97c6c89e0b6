//! A value of a figure in sentences, from the release back to the cell of the received file.

use jiff::Timestamp;

use super::{Act, Allowance, Found, Value};

fn when(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn who(act: &Act) -> String {
    format!("{} ({}) on {}, record {}", act.by, act.role, when(act.at), act.position)
}

impl Value {
    /// How it came to be and what became of it, from the release back to the cell of the received file, in sentences.
    pub fn explained(&self) -> Vec<String> {
        let (key, is, from) = (&self.key, &self.change.is, when(self.recorded.at));
        let first = match self.until {
            Some(until) => format!("{key} was {is} from {from} until {}.", when(until)),
            None => format!("{key} is {is} since {from}."),
        };
        let mut told = vec![first];
        for release in &self.releases {
            let by = |act: &Option<Act>| act.as_ref().map_or_else(|| "nobody".to_owned(), who);
            told.push(format!(
                "It stands in the release {}, published on {}, record {}: approved by {}; cleared by {}.",
                release.release,
                when(release.published.at),
                release.published.position,
                by(&release.approved),
                by(&release.cleared)
            ));
        }
        if let Some(act) = &self.confirmed {
            told.push(format!("The country confirmed it: {}.", who(act)));
        }
        if let Some(act) = &self.accepted {
            told.push(format!("Its table was accepted by {}.", who(act)));
        }
        for allowance in &self.allowances {
            let Allowance { rule, reason, act } = allowance;
            told.push(format!("Rule {rule} does not hold and was allowed to stand by {}: {reason}.", who(act)));
        }
        for Found { finding, settled } in &self.findings {
            let settled = settled.as_ref().map_or_else(String::new, |(submission, act)| {
                format!(
                    ". Settled by the submission {submission}, checked on {}, record {}.",
                    when(act.at),
                    act.position
                )
            });
            told.push(format!(
                "The check said ({}, {}): {}{settled}",
                finding.rule,
                finding.severity.as_str(),
                finding.message
            ));
        }
        let place = self.change.cell.as_deref().unwrap_or("a place that was not recorded");
        let sheet = self.sheet.as_ref().map(|sheet| format!(" of the sheet {sheet}")).unwrap_or_default();
        let file = match &self.received {
            Some((file, act)) => format!("{}, received from {}", file.name, who(act)),
            None => "a file that was loaded".to_owned(),
        };
        told.push(format!("It comes from {place}{sheet} of {file}; SHA-256 {}.", self.sha256));
        let was = self.change.was.as_ref().map(|was| format!(" in place of {was}")).unwrap_or_default();
        let behalf = self.on_behalf_of.as_ref().map(|of| format!(", for {of}")).unwrap_or_default();
        told.push(format!(
            "It was recorded by {}{behalf}{was}, because: {} ({}).",
            who(&self.recorded),
            self.reason.text,
            self.reason.code.as_str()
        ));
        told
    }
}
