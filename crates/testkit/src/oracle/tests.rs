//! The comparison sees what it should and passes over what it may.

use super::*;

#[test]
fn a_difference_is_a_range_and_a_volatile_field_is_none() {
    let one = vec![0; 3 * 4096];
    let mut two = one.clone();
    assert!(differences(&one, &two, None, &[]).is_empty());
    // Across the border of two chunks, and a single byte at the end.
    two[4094..4099].fill(1);
    two[12287] = 1;
    let found = differences(&one, &two, None, VOLATILE);
    assert_eq!(found, [(4094, 4099), (12287, 12288)]);
    let mut two = one.clone();
    two[1024 + 0x30] = 1;
    two[8192 + 0x18] = 1;
    assert_eq!(differences(&one, &two, None, &[]).len(), 2);
    assert_eq!(differences(&one, &two, None, VOLATILE), [(8192 + 0x18, 8192 + 0x19)]);
    assert!(differences(&one, &two, Some(8192), VOLATILE).is_empty());
    assert_eq!(differences(&one, &two[..4096], None, &[]), [(4096, 12288), (1072, 1073)]);
}
