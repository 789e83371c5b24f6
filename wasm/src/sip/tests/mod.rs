//! Tests of whole messages and streams.

mod benchmark;
mod framing;
mod messages;
mod torture;

use super::fault::Fault;
use super::message::Message;

/// Head and body with the line ends of the wire; the body as it is.
fn message(head: &str, body: &str) -> Vec<u8> {
    format!("{}\r\n\r\n{body}", head.trim_matches('\n').replace('\n', "\r\n")).into_bytes()
}

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

fn faults(message: &Message) -> Vec<Fault> {
    message.faults().iter().collect()
}
