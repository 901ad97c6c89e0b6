//! `rondo query`.

use rondo_domain::participation::Answer;
use serde_json::json;

use crate::args::QueryVerb;
use crate::desk::{Desk, QueryAct};
use crate::failure::Failure;
use crate::output::{Form, Listing, said};

pub(crate) async fn run(verb: &QueryVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    let (round, country, query, act, told) = match verb {
        QueryVerb::List { round } => {
            let world = desk.world(&[&format!("participation/{round}/")]).await?;
            let standing = desk.round(round).await?;
            let mut entries = Vec::new();
            for country in standing.participants.keys() {
                let Some(part) = world.participation(round, country) else { continue };
                for (id, query) in &part.queries {
                    entries.push(json!({
                        "query": id, "country": country, "table": query.table, "state": query.state,
                        "rule": query.finding.rule, "question": query.finding.message, "opened_at": query.opened_at,
                        "keys": query.finding.keys, "repair": query.finding.repair,
                        "answer": query.answer.as_ref().map(|(_, text)| text), "allowance": query.allowance,
                    }));
                }
            }
            let columns = &[
                ("/query", "Query"),
                ("/country", "Country"),
                ("/table", "Table"),
                ("/state", "State"),
                ("/question", "Question"),
                ("/answer", "Answer"),
            ];
            return Listing { name: "queries", columns, entries, empty: "No question was asked in this round." }
                .print(form);
        }
        QueryVerb::Answer { round, country, query, text } => {
            (round, country, query, QueryAct::Answer(Answer::Explained, text.clone()), "answered")
        }
        QueryVerb::Accept { round, country, query } => (round, country, query, QueryAct::Accept, "settled"),
        QueryVerb::Allow { round, country, query, reason } => {
            (round, country, query, QueryAct::Allow(reason.clone()), "allowed to stand")
        }
    };
    desk.queries(round, country, Some(query), &act).await?;
    said(form, &format!("The query {query} is {told}."))
}
