//! What leaves the engine: protobuf messages of the wire contract, and their renderings as JSON lines and text.
//!
//! A packet is encoded once, as the fields of a `CapturedPacket` without its frame. JSON and text are made from
//! those bytes, so they cannot differ from what goes over the wire, and the processor renders what it receives
//! with the same code.

pub mod captured_packet;
pub mod json;
pub mod metadata;
pub mod packet_batch;
pub mod protobuf;
pub mod schema;
pub mod text;
pub mod time;
