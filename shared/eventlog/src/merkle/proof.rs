//! Proofs: that a record is in the tree, and that one tree extends another (RFC 6962, sections 2.1.1 and 2.1.2).

use super::tree::{Hash, empty_root, node_hash};

/// The most hashes a proof of a tree of less than 2^63 leaves has.
pub const MAX_PROOF: usize = 63;

/// The roots of perfect subtrees, from wherever they are kept.
pub trait Subtrees {
    /// Why one cannot be had.
    type Error;

    /// The root of the perfect subtree of `2^level` leaves that has `index` such subtrees before it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The largest power of two smaller than `n`, for `n` of two or more.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// `MTH(D[start:end])`, where `start` is a multiple of the smallest power of two not below the length.
///
/// # Errors
/// When a subtree cannot be read.
pub fn root<S: Subtrees + ?Sized>(subtrees: &S, start: u64, end: u64) -> Result<Hash, S::Error> {
    match end - start {
        0 => Ok(empty_root()),
        length if length.is_power_of_two() => {
            let level = length.trailing_zeros();
            subtrees.subtree(level, start >> level)
        }
        length => {
            let middle = start + split(length);
            Ok(node_hash(&root(subtrees, start, middle)?, &root(subtrees, middle, end)?))
        }
    }
}

/// `PATH(index, D[0:size])`: the audit path of a leaf, from its sibling up. The index must be below the size.
///
/// # Errors
/// When a subtree cannot be read.
pub fn inclusion<S: Subtrees + ?Sized>(subtrees: &S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(root(subtrees, middle, end)?);
            end = middle;
        } else {
            path.push(root(subtrees, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// `PROOF(old, D[0:size])`: that the tree of `size` leaves begins with the tree of `old` leaves. Empty for no leaves and for
/// the same tree; `old` must not be above the size.
///
/// # Errors
/// When a subtree cannot be read.
pub fn consistency<S: Subtrees + ?Sized>(subtrees: &S, old: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    if old == 0 || old == size {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    // SUBPROOF of the RFC, from the root down; `old` is a place in the whole tree here.
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(root(subtrees, middle, end)?);
            end = middle;
        } else {
            proof.push(root(subtrees, start, middle)?);
            start = middle;
        }
    }
    if start != 0 {
        proof.push(root(subtrees, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether the path proves that a leaf stands at an index of the tree with this size and root (RFC 9162, section 2.1.3.2).
pub fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the newer tree begins with the older one (RFC 9162, section 2.1.4.2). A tree extends the
/// empty one, and itself, without a proof.
pub fn extends(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (size, new_root)) = (old, new);
    if old_size == size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    if old_size > size {
        return false;
    }
    let (mut at, mut last) = (old_size - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let mut rest = proof.iter();
    // An old tree that is one perfect subtree is its own beginning.
    let Some(first) = (if old_size.is_power_of_two() { Some(old_root) } else { rest.next() }) else { return false };
    let (mut older, mut newer) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            older = node_hash(hash, &older);
            newer = node_hash(hash, &newer);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            newer = node_hash(&newer, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && older == *old_root && newer == *new_root
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::super::tree::{Frontier, leaf_hash};
    use super::*;

    struct Leaves(Vec<Hash>);

    impl Subtrees for Leaves {
        type Error = Infallible;

        fn subtree(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            if level == 0 {
                return Ok(self.0[index as usize]);
            }
            Ok(node_hash(&self.subtree(level - 1, 2 * index)?, &self.subtree(level - 1, 2 * index + 1)?))
        }
    }

    fn tree(count: u64) -> (Leaves, Vec<Hash>) {
        let (mut frontier, mut roots) = (Frontier::default(), vec![empty_root()]);
        let leaves: Vec<Hash> = (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for leaf in &leaves {
            frontier.push(*leaf);
            roots.push(frontier.root());
        }
        (Leaves(leaves), roots)
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        let (leaves, roots) = tree(70);
        for size in 1..=70u64 {
            let top = roots[size as usize];
            assert_eq!(root(&leaves, 0, size).unwrap(), top);
            for index in 0..size {
                let path = inclusion(&leaves, index, size).unwrap();
                let leaf = leaves.0[index as usize];
                assert!(includes(&leaf, index, size, &path, &top));
                assert!(!includes(&leaf, (index + 1) % (size + 1), size, &path, &top) || size == 1);
                assert!(!includes(&leaf_hash(b"another"), index, size, &path, &top));
                assert!(!includes(&leaf, index, size, &[&path[..], &[top]].concat(), &top));
            }
        }
    }

    #[test]
    fn every_small_tree_extends_every_smaller_one_and_no_other() {
        let (leaves, roots) = tree(70);
        for size in 0..=70u64 {
            for old in 0..=size {
                let proof = consistency(&leaves, old, size).unwrap();
                let (older, newer) = (roots[old as usize], roots[size as usize]);
                assert!(extends((old, &older), (size, &newer), &proof), "{old} {size}");
                if old > 0 {
                    assert!(!extends((old, &leaf_hash(b"forged")), (size, &newer), &proof), "{old} {size}");
                    assert!(!extends((old, &older), (size, &leaf_hash(b"forged")), &proof), "{old} {size}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn an_altered_proof_proves_nothing(size in 2u64..500, index in 0u64..500, place in 0usize..20, bit in 0u8..=255) {
            let (leaves, roots) = tree(size);
            let index = index % size;
            let mut path = inclusion(&leaves, index, size).unwrap();
            let place = place % path.len();
            path[place][usize::from(bit) % 32] ^= 1 << (bit % 8);
            prop_assert!(!includes(&leaves.0[index as usize], index, size, &path, &roots[size as usize]));
        }
    }
}
