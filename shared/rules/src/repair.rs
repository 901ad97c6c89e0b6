//! Repair hints (R26): the one value that would make every violated identity true, and the kind of slip it would be.
//!
//! A hint is proposed, never applied. It is given only where exactly one figure can be meant.

use rondo_domain::figure::CellKey;
use rondo_domain::finding::Repair;
use rust_decimal::Decimal;

use crate::identities::Identity;
use crate::sheet::Sheet;

/// Proposes repairs, each with the violated identities that it mends.
pub(crate) fn propose<'i>(
    sheet: &Sheet,
    all: &[Identity],
    violated: &[&'i Identity],
    half: Decimal,
) -> Vec<(Repair, Vec<&'i Identity>)> {
    let mut proposals = Vec::new();
    for group in connected(violated) {
        let mut candidates: Vec<(CellKey, Decimal, Decimal)> = Vec::new();
        for cell in common_cells(&group) {
            let (Some(now), Some(would)) = (sheet.number(&cell), implied(sheet, &cell, group[0])) else { continue };
            if would >= Decimal::ZERO && mends(sheet, all, &group, &cell, would, half) {
                candidates.push((cell, now, would));
            }
        }
        let named: Vec<_> =
            candidates.iter().filter(|(cell, now, would)| kind(sheet, cell, *now, *would) != "other").collect();
        let chosen = match (&candidates[..], &named[..]) {
            ([only], _) => only,
            (_, [only]) => only,
            _ => continue,
        };
        let (cell, now, would) = chosen;
        let repair = Repair {
            key: sheet.name(cell),
            from: now.to_string(),
            to: would.normalize().to_string(),
            kind: kind(sheet, cell, *now, *would).to_owned(),
        };
        proposals.push((repair, group));
    }
    proposals
}

/// Violated identities that share a figure belong to one slip.
fn connected<'i>(violated: &[&'i Identity]) -> Vec<Vec<&'i Identity>> {
    let mut groups: Vec<Vec<&'i Identity>> = Vec::new();
    for identity in violated {
        let touches = |group: &Vec<&Identity>| group.iter().any(|other| shares(identity, other));
        let (touching, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        groups = apart;
        groups.push(touching.into_iter().flatten().chain([*identity]).collect());
    }
    groups
}

fn cells(identity: &Identity) -> impl Iterator<Item = &CellKey> {
    std::iter::once(&identity.total).chain(&identity.parts)
}

fn shares(a: &Identity, b: &Identity) -> bool {
    cells(a).any(|cell| cells(b).any(|other| other == cell))
}

fn common_cells(group: &[&Identity]) -> Vec<CellKey> {
    let Some((first, rest)) = group.split_first() else { return Vec::new() };
    cells(first).filter(|cell| rest.iter().all(|other| cells(other).any(|c| c == *cell))).cloned().collect()
}

/// The value that one identity asks of one of its figures.
fn implied(sheet: &Sheet, cell: &CellKey, identity: &Identity) -> Option<Decimal> {
    let (total, sum) = identity.sides(|cell| sheet.number(cell))?;
    let now = sheet.number(cell)?;
    Some(if *cell == identity.total { sum } else { now + total - sum })
}

/// Whether the value makes the whole group true and leaves true what is true.
fn mends(sheet: &Sheet, all: &[Identity], group: &[&Identity], cell: &CellKey, would: Decimal, half: Decimal) -> bool {
    let number = |other: &CellKey| if other == cell { Some(would) } else { sheet.number(other) };
    let fits = |identity: &Identity| identity.holds(half, number) == Some(true);
    let unharmed =
        |identity: &Identity| identity.holds(half, |other| sheet.number(other)) != Some(true) || fits(identity);
    group.iter().all(|identity| fits(identity)) && all.iter().filter(|i| cells(i).any(|c| c == cell)).all(unharmed)
}

/// The kind of slip that leads from the value that would be right to the one that is there.
fn kind(sheet: &Sheet, cell: &CellKey, now: Decimal, would: Decimal) -> &'static str {
    if now == -would {
        return "sign";
    }
    for (power, word) in [(10, "factor 10"), (100, "factor 100"), (1_000, "factor 1000")] {
        let factor = Decimal::from(power);
        if would * factor == now || now * factor == would {
            return word;
        }
    }
    let scale = now.scale().max(would.scale());
    let digits = |value: Decimal| {
        let mut value = value;
        value.rescale(scale);
        format!("{:0>12}", value.mantissa().unsigned_abs()).into_bytes()
    };
    let (a, b) = (digits(now), digits(would));
    let differing: Vec<usize> = (0..a.len().min(b.len())).filter(|i| a[*i] != b[*i]).collect();
    match differing[..] {
        _ if a.len() != b.len() => {}
        [i, j] if j == i + 1 && a[i] == b[j] && a[j] == b[i] => return "digit transposition",
        [_] => return "one digit",
        _ => {}
    }
    let neighbour = |other: &&CellKey| *other != cell && other.sex == cell.sex && sheet.number(other) == Some(now);
    if now != Decimal::ZERO && sheet.cells.keys().any(|other| neighbour(&other)) {
        "copy of neighbour"
    } else {
        "other"
    }
}
