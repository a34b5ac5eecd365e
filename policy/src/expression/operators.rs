//! Operators and casts, one function per pair of operand kinds, chosen at load.
//!
//! A null operand, possible only after `?.`, makes arithmetic null and a comparison false, as
//! lifted operators of C# do.

use super::fault::Fault;
use super::node::Function;
use super::operand::{Operand, wrong};
use super::types::Type;

/// The function of a binary operator that evaluates both sides, and the type it yields; `None` if
/// C# has no such one. Concatenation is not here: it is not a call.
pub(super) fn binary(operator: &str, left: Type, right: Type) -> Option<(Function, Type)> {
    match operator {
        "==" => comparable(left, right).then_some((equal as Function, Type::Bool)),
        "!=" => comparable(left, right).then_some((not_equal as Function, Type::Bool)),
        "<" | ">" | "<=" | ">=" => ordered(left, right).then(|| (relation(operator), Type::Bool)),
        "&" | "|" | "^" => logical(operator, left, right),
        _ => arithmetic(operator, left, right),
    }
}

fn comparable(left: Type, right: Type) -> bool {
    left == right
        || left == Type::Null
        || right == Type::Null
        || left == Type::Object
        || right == Type::Object
        || (is_number(left) && is_number(right))
}

fn is_number(ty: Type) -> bool {
    matches!(ty, Type::Int | Type::Float | Type::Char)
}

fn ordered(left: Type, right: Type) -> bool {
    (is_number(left) && is_number(right)) || (left == Type::Time && right == Type::Time)
}

fn logical(operator: &str, left: Type, right: Type) -> Option<(Function, Type)> {
    let function: Function = match operator {
        "&" => |a| bits(a, |x, y| x & y, |x, y| x & y),
        "|" => |a| bits(a, |x, y| x | y, |x, y| x | y),
        _ => |a| bits(a, |x, y| x ^ y, |x, y| x ^ y),
    };
    matches!(
        (left, right),
        (Type::Bool, Type::Bool) | (Type::Int, Type::Int)
    )
    .then_some((function, left))
}

fn bits<'c>(
    arguments: &[Operand<'c>],
    truths: fn(bool, bool) -> bool,
    numbers: fn(i64, i64) -> i64,
) -> Result<Operand<'c>, Fault> {
    Ok(match arguments {
        [Operand::Bool(a), Operand::Bool(b)] => Operand::Bool(truths(*a, *b)),
        [Operand::Int(a), Operand::Int(b)] => Operand::Int(numbers(*a, *b)),
        _ => Operand::Null,
    })
}

fn arithmetic(operator: &str, left: Type, right: Type) -> Option<(Function, Type)> {
    let function: Function = match operator {
        "+" => |a| calculate(a, i64::checked_add, |x, y| x + y),
        "-" => |a| calculate(a, i64::checked_sub, |x, y| x - y),
        "*" => |a| calculate(a, i64::checked_mul, |x, y| x * y),
        "/" => |a| divide(a, i64::checked_div, |x, y| x / y),
        "%" => |a| divide(a, i64::checked_rem, |x, y| x % y),
        _ => return None,
    };
    match (left, right) {
        _ if !is_number(left) || !is_number(right) => None,
        (Type::Float, _) | (_, Type::Float) => Some((function, Type::Float)),
        _ => Some((function, Type::Int)),
    }
}

type OnInts = fn(i64, i64) -> Option<i64>;
type OnFloats = fn(f64, f64) -> f64;

fn calculate<'c>(
    arguments: &[Operand<'c>],
    ints: OnInts,
    floats: OnFloats,
) -> Result<Operand<'c>, Fault> {
    match numbers(arguments) {
        Some(Numbers::Ints(a, b)) => ints(a, b).map(Operand::Int).ok_or(Fault::Overflow),
        Some(Numbers::Floats(a, b)) => Ok(Operand::Float(floats(a, b))),
        None => Ok(Operand::Null),
    }
}

fn divide<'c>(
    arguments: &[Operand<'c>],
    ints: OnInts,
    floats: OnFloats,
) -> Result<Operand<'c>, Fault> {
    match numbers(arguments) {
        Some(Numbers::Ints(_, 0)) => Err(Fault::DivideByZero),
        _ => calculate(arguments, ints, floats),
    }
}

enum Numbers {
    Ints(i64, i64),
    Floats(f64, f64),
}

/// Two numbers, promoted to one kind; `None` if one is null.
fn numbers(arguments: &[Operand<'_>]) -> Option<Numbers> {
    let [left, right] = arguments else {
        return None;
    };
    if let (Some(a), Some(b)) = (as_int(left), as_int(right)) {
        return Some(Numbers::Ints(a, b));
    }
    Some(Numbers::Floats(as_float(left)?, as_float(right)?))
}

fn as_int(operand: &Operand<'_>) -> Option<i64> {
    match operand {
        Operand::Int(value) => Some(*value),
        Operand::Char(value) => Some(i64::from(u32::from(*value))),
        _ => None,
    }
}

fn as_float(operand: &Operand<'_>) -> Option<f64> {
    match operand {
        Operand::Float(value) => Some(*value),
        other => as_int(other).map(|value| value as f64),
    }
}

fn relation(operator: &str) -> Function {
    match operator {
        "<" => |a| {
            Ok(Operand::Bool(
                order(a).is_some_and(std::cmp::Ordering::is_lt),
            ))
        },
        ">" => |a| {
            Ok(Operand::Bool(
                order(a).is_some_and(std::cmp::Ordering::is_gt),
            ))
        },
        "<=" => |a| {
            Ok(Operand::Bool(
                order(a).is_some_and(std::cmp::Ordering::is_le),
            ))
        },
        _ => |a| {
            Ok(Operand::Bool(
                order(a).is_some_and(std::cmp::Ordering::is_ge),
            ))
        },
    }
}

fn order(arguments: &[Operand<'_>]) -> Option<std::cmp::Ordering> {
    if let [Operand::Time(a), Operand::Time(b)] = arguments {
        return Some(a.cmp(b));
    }
    match numbers(arguments)? {
        Numbers::Ints(a, b) => Some(a.cmp(&b)),
        Numbers::Floats(a, b) => a.partial_cmp(&b),
    }
}

fn equal<'c>(arguments: &[Operand<'c>]) -> Result<Operand<'c>, Fault> {
    let [left, right] = arguments else {
        return Ok(Operand::Null);
    };
    Ok(Operand::Bool(are_equal(left, right)))
}

fn not_equal<'c>(arguments: &[Operand<'c>]) -> Result<Operand<'c>, Fault> {
    let [left, right] = arguments else {
        return Ok(Operand::Null);
    };
    Ok(Operand::Bool(!are_equal(left, right)))
}

/// Equality of values. C# compares two `object`s by identity, which nobody means who compares a
/// variable with a text.
pub(super) fn are_equal(left: &Operand<'_>, right: &Operand<'_>) -> bool {
    match (left, right) {
        (Operand::Null, Operand::Null) => true,
        (Operand::Bool(a), Operand::Bool(b)) => a == b,
        (Operand::Text(a), Operand::Text(b)) => **a == **b,
        (Operand::Guid(a), Operand::Guid(b)) => a == b,
        (Operand::Time(a), Operand::Time(b)) => a == b,
        (Operand::Strings(a), Operand::Strings(b)) => a == b,
        (Operand::Jwt(a), Operand::Jwt(b)) => a == b,
        (Operand::Comparison(a), Operand::Comparison(b)) => a == b,
        (Operand::Url(a), Operand::Url(b)) => **a == **b,
        (a, b) => match (as_int(a), as_int(b), as_float(a), as_float(b)) {
            (Some(a), Some(b), ..) => a == b,
            (_, _, Some(a), Some(b)) => a == b,
            _ => false,
        },
    }
}

/// The function of a unary operator and the type it yields.
pub(super) fn unary(operator: &str, operand: Type) -> Option<(Function, Type)> {
    let function: Function = match (operator, operand) {
        ("!", Type::Bool) => |a| match &a[0] {
            Operand::Bool(value) => Ok(Operand::Bool(!value)),
            other => Err(wrong("bool", Some(other))),
        },
        ("-", Type::Int) => |a| match &a[0] {
            Operand::Int(value) => value.checked_neg().map(Operand::Int).ok_or(Fault::Overflow),
            _ => Ok(Operand::Null),
        },
        ("-", Type::Float) => |a| match &a[0] {
            Operand::Float(value) => Ok(Operand::Float(-value)),
            _ => Ok(Operand::Null),
        },
        ("~", Type::Int) => |a| match &a[0] {
            Operand::Int(value) => Ok(Operand::Int(!value)),
            _ => Ok(Operand::Null),
        },
        ("+", Type::Int | Type::Float) => |a| Ok(a[0].clone()),
        _ => return None,
    };
    Some((function, operand))
}

/// The function of an explicit conversion; `None` if C# has no such one.
pub(super) fn cast(from: Type, to: Type) -> Option<Function> {
    if from.converts_to(to).is_some() {
        return Some(match to {
            Type::Float => |a| Ok(as_float(&a[0]).map_or(Operand::Null, Operand::Float)),
            Type::Int => |a| Ok(as_int(&a[0]).map_or(Operand::Null, Operand::Int)),
            _ => |a| Ok(a[0].clone()),
        });
    }
    match (from, to) {
        (Type::Object, _) => unboxing(to),
        (Type::Float, Type::Int) => Some(truncate),
        (Type::Int, Type::Char) => Some(to_char),
        _ => None,
    }
}

fn truncate<'c>(arguments: &[Operand<'c>]) -> Result<Operand<'c>, Fault> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match arguments {
        [Operand::Float(value)] if *value >= -LIMIT && *value < LIMIT => {
            Ok(Operand::Int(*value as i64))
        }
        [Operand::Float(_)] => Err(Fault::Overflow),
        _ => Ok(Operand::Null),
    }
}

fn to_char<'c>(arguments: &[Operand<'c>]) -> Result<Operand<'c>, Fault> {
    match arguments {
        [Operand::Int(code)] => u32::try_from(*code)
            .ok()
            .and_then(char::from_u32)
            .map(Operand::Char)
            .ok_or(Fault::Overflow),
        _ => Ok(Operand::Null),
    }
}

/// From `object`: the value has to be of the type, or null where the type has null.
fn unboxing(to: Type) -> Option<Function> {
    macro_rules! unbox {
        ($name:literal, $pattern:pat) => {
            |a| match &a[0] {
                value @ $pattern => Ok(value.clone()),
                other => Err(wrong($name, Some(other))),
            }
        };
    }
    Some(match to {
        Type::Bool => unbox!("bool", Operand::Bool(_)),
        Type::Int => unbox!("int", Operand::Int(_)),
        Type::Float => unbox!("double", Operand::Float(_)),
        Type::Char => unbox!("char", Operand::Char(_)),
        Type::Guid => unbox!("Guid", Operand::Guid(_)),
        Type::Time => unbox!("DateTime", Operand::Time(_)),
        Type::String => unbox!("string", Operand::Text(_) | Operand::Null),
        Type::Strings => unbox!("string[]", Operand::Strings(_) | Operand::Null),
        Type::Jwt => unbox!("Jwt", Operand::Jwt(_) | Operand::Null),
        Type::Basic => unbox!("BasicAuthCredentials", Operand::Basic(_) | Operand::Null),
        Type::Url => unbox!("IUrl", Operand::Url(_) | Operand::Null),
        _ => return None,
    })
}

/// `x is T` for an `object` or a value of that very type: whether it is one, and not null.
pub(super) fn is(to: Type) -> Option<Function> {
    macro_rules! is {
        ($pattern:pat) => {
            |a| Ok(Operand::Bool(matches!(&a[0], $pattern)))
        };
    }
    Some(match to {
        Type::Bool => is!(Operand::Bool(_)),
        Type::Int => is!(Operand::Int(_)),
        Type::Float => is!(Operand::Float(_)),
        Type::Char => is!(Operand::Char(_)),
        Type::Guid => is!(Operand::Guid(_)),
        Type::Time => is!(Operand::Time(_)),
        Type::String => is!(Operand::Text(_)),
        Type::Strings => is!(Operand::Strings(_)),
        Type::Jwt => is!(Operand::Jwt(_)),
        _ => return None,
    })
}

/// `x as T`: null instead of a fault.
pub(super) fn convert_or_null(to: Type) -> Option<Function> {
    macro_rules! convert {
        ($pattern:pat) => {
            |a| {
                Ok(match &a[0] {
                    value @ $pattern => value.clone(),
                    _ => Operand::Null,
                })
            }
        };
    }
    Some(match to {
        Type::String => convert!(Operand::Text(_)),
        Type::Strings => convert!(Operand::Strings(_)),
        Type::Jwt => convert!(Operand::Jwt(_)),
        _ => return None,
    })
}
