//! The services in one process, on a clock that the test moves: what people do, and what comes of it.

mod answers;
mod begun_before;
mod changed_addresses;
mod clocks;
mod contacts;
mod copies;
mod deadlines;
mod fixture;
mod hostile_files;
mod installation;
mod mail_faults;
mod mail_server;
mod people_and_days;
mod recipients;
mod releases;
mod returned_mail;
mod send_now;
mod tasks;
mod two_people;
mod unreadable;
mod versions;
