//! CRC-32C (Castagnoli), the checksum an `OP_MSG` may carry behind its last section.
//!
//! Owns one table and one loop; knows nothing of messages. The zlib polynomial would not do:
//! `MongoDB` took the one that iSCSI uses. Read next: `wire.rs`, which cuts and compares it.

/// One entry for every value of a byte, computed when the crate is compiled.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    const POLYNOMIAL_REVERSED: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL_REVERSED } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// The checksum of `bytes`.
///
/// ```
/// assert_eq!(squall::proto::mongo::crc32c::checksum(b"123456789"), 0xe306_9283);
/// ```
pub fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}
