//! What leaves the engine: protobuf messages of the wire contract, and their renderings as JSON lines and text.
//!
//! What the engine says of a packet is written once, against [`encoder::Encoder`], and comes out as protobuf or JSON.
//! Packets that a processor receives are rendered from their bytes, by the tables of [`schema`].

pub mod captured_packet;
pub mod encoder;
pub mod json;
pub mod metadata;
pub mod packet_batch;
pub mod protobuf;
pub mod schema;
pub mod sip_metadata;
pub mod text;
pub mod time;
