//! A client of the broker by its plain text protocol, which knows nothing of ours: what may be said and heard, and what was.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rondo_testkit::process::Broker;

/// One message that arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    pub subject: String,
    pub body: Vec<u8>,
}

/// A connection as one of the broker's users.
pub struct Wire {
    stream: BufReader<TcpStream>,
    pub heard: Vec<Heard>,
    refused: u32,
    listening: u32,
}

impl Wire {
    pub fn connect(url: &str, user: &str) -> Self {
        let address = url.strip_prefix("nats://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut wire = Self { stream: BufReader::new(stream), heard: Vec::new(), refused: 0, listening: 0 };
        assert!(wire.line().starts_with("INFO "));
        let password = Broker::password(user);
        wire.say(&format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"headers\":true,\"no_responders\":true,\"user\":{user:?},\"pass\":{password:?}}}\r\n"
        ));
        assert!(wire.settles(), "{user} may connect");
        wire
    }

    fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Takes everything that the broker has sent up to now, and says whether it refused nothing.
    pub fn settles(&mut self) -> bool {
        self.say("PING\r\n");
        let before = self.refused;
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "PONG" => return self.refused == before,
                "PING" => self.say("PONG\r\n"),
                "-ERR" => {
                    assert!(line.contains("Permissions Violation"), "{line}");
                    self.refused += 1;
                }
                "MSG" | "HMSG" => self.takes(&words),
                "INFO" | "+OK" => {}
                other => panic!("the broker says {other:?}"),
            }
        }
    }

    fn takes(&mut self, words: &[&str]) {
        let number = |word: &str| word.parse::<usize>().unwrap();
        let total = number(words[words.len() - 1]);
        let headers = if words[0] == "HMSG" { number(words[words.len() - 2]) } else { 0 };
        let mut bytes = vec![0; total + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes.truncate(total);
        let body = bytes.split_off(headers);
        self.heard.push(Heard { subject: words[1].to_owned(), body });
    }

    /// Whether the broker lets it listen.
    pub fn listens(&mut self, subject: &str) -> bool {
        self.listening += 1;
        self.say(&format!("SUB {subject} {}\r\n", self.listening));
        self.settles()
    }

    /// Whether the broker lets it listen to this and no more is listened to afterwards.
    pub fn may_listen(&mut self, subject: &str) -> bool {
        self.say(&format!("SUB {subject} 99\r\n"));
        let may = self.settles();
        self.say("UNSUB 99\r\n");
        may
    }

    /// Whether the broker carries what it says.
    pub fn says(&mut self, subject: &str, reply: &str, body: &str) -> bool {
        self.say(&format!("PUB {subject} {reply} {}\r\n{body}\r\n", body.len()));
        self.settles()
    }
}
