//! Tests of the room as a whole, on a small invented VPC.

mod allow;
mod alone;
mod attribution;
mod fixture;
mod s3;
mod scale;
mod sides;
