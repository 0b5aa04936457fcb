//! A calculator: numbers, operators, functions; no names, no state.
//!
//! Own code of one page, since the crates for it read `-2 ** 2` as 4 and `2 ** 3 ** 2` as 64, or carry a copyleft licence. The
//! notation and the results are Python's: `/` gives a fraction, `//` and `%` round down, whole numbers stay exact as long as they fit.

use super::{Definition, Field, Provider, Run};
use crate::tools::{ToolError, ToolOutput};

pub const PROVIDER: Provider = Provider { id: "maths", label: "Maths", description: "Computes mathematical expressions.", tools: TOOLS };

const TOOLS: &[Definition] = &[Definition {
    name: "eval_expression",
    label: "Evaluate an expression",
    description: "Computes a mathematical expression, as in (1 + 2) * sqrt(16) ** 2.",
    fields: &[Field::text(
        "expression",
        "Expression",
        "Numbers, + - * / // % **, parentheses and functions such as sqrt, sin, log, round.",
    )],
    run: Run::Pure(|arguments| {
        let expression = arguments.needed("expression")?;
        let value = evaluate(expression).map_err(|error| ToolError::argument("expression", format!("can't be computed: {error}")))?;
        Ok(ToolOutput::text(format!("The result of the expression \"{expression}\" is {value}")))
    }),
}];

const MAX_CHARS: usize = 10_000;
/// Of parentheses and signs, each a call on the stack.
const MAX_DEPTH: usize = 200;

/// A whole number as long as it is one and fits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Real(f64),
}

use Number::{Real, Whole};

impl Number {
    fn real(self) -> f64 {
        match self {
            Whole(n) => n as f64,
            Real(x) => x,
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Whole(n) => write!(f, "{n}"),
            Real(x) => write!(f, "{x:?}"),
        }
    }
}

fn evaluate(text: &str) -> Result<Number, String> {
    if text.len() > MAX_CHARS {
        return Err(format!("it is longer than {MAX_CHARS} characters"));
    }
    let mut parser = Parser { rest: text, depth: 0 };
    let value = parser.sum()?;
    parser.skip_space();
    match parser.rest.chars().next() {
        None => Ok(value),
        Some(c) => Err(format!("{c:?} was not expected after {:?}", &text[..text.len() - parser.rest.len()])),
    }
}

/// Recursive descent: sum > product > sign > power > atom.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The first of `operators` that comes next, eaten.
    fn eat(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        self.skip_space();
        let found = *operators.iter().find(|o| self.rest.starts_with(**o))?;
        self.rest = &self.rest[found.len()..];
        Some(found)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn sum(&mut self) -> Result<Number, String> {
        let mut value = self.product()?;
        while let Some(operator) = self.eat(&["+", "-"]) {
            let right = self.product()?;
            value = match operator {
                "+" => exact(value, right, i128::checked_add, |a, b| a + b)?,
                _ => exact(value, right, i128::checked_sub, |a, b| a - b)?,
            };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<Number, String> {
        let mut value = self.sign()?;
        while let Some(operator) = self.eat(&["*", "//", "/", "%"]) {
            let right = self.sign()?;
            if operator != "*" && right.real() == 0.0 {
                return Err("it divides by zero".into());
            }
            value = match operator {
                "*" => exact(value, right, i128::checked_mul, |a, b| a * b)?,
                "//" => exact(value, right, floor_div, |a, b| (a / b).floor())?,
                "%" => exact(value, right, floor_rem, |a, b| a - b * (a / b).floor())?,
                _ => finite(value.real() / right.real())?,
            };
        }
        Ok(value)
    }

    /// A sign binds looser than a power: `-2 ** 2` is -4.
    fn sign(&mut self) -> Result<Number, String> {
        match self.eat(&["+", "-"]) {
            Some("-") => match self.deeper(Self::sign)? {
                Whole(n) => Ok(n.checked_neg().map_or(Real(-(n as f64)), Whole)),
                Real(x) => Ok(Real(-x)),
            },
            Some(_) => self.deeper(Self::sign),
            None => self.power(),
        }
    }

    /// From the right: `2 ** 3 ** 2` is 512.
    fn power(&mut self) -> Result<Number, String> {
        let base = self.atom()?;
        if self.eat(&["**", "^"]).is_none() {
            return Ok(base);
        }
        let exponent = self.deeper(Self::sign)?;
        if let (Whole(b), Whole(e)) = (base, exponent)
            && let Some(n) = u32::try_from(e).ok().and_then(|e| b.checked_pow(e))
        {
            return Ok(Whole(n));
        }
        if base.real() == 0.0 && exponent.real() < 0.0 {
            return Err("it divides by zero".into());
        }
        finite(base.real().powf(exponent.real()))
    }

    fn atom(&mut self) -> Result<Number, String> {
        self.skip_space();
        if self.eat(&["("]).is_some() {
            let value = self.deeper(Self::sum)?;
            return self.eat(&[")"]).map(|_| value).ok_or_else(|| "a \")\" is missing".into());
        }
        match self.rest.chars().next() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            Some(c) => Err(format!("{c:?} is not part of an expression")),
            None => Err("it ends where a number is expected".into()),
        }
    }

    fn number(&mut self) -> Result<Number, String> {
        let bytes = self.rest.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            let exponent_sign = matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            if !(bytes[end].is_ascii_digit() || matches!(bytes[end], b'.' | b'_' | b'e' | b'E') || exponent_sign) {
                break;
            }
            end += 1;
        }
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let plain = digits.replace('_', "");
        if let Ok(n) = plain.parse() {
            return Ok(Whole(n));
        }
        plain.parse().map_err(|_| format!("{digits:?} is not a number")).and_then(finite)
    }

    fn name(&mut self) -> Result<Number, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let name = name.to_ascii_lowercase();
        self.rest = rest;
        if self.eat(&["("]).is_none() {
            return match name.as_str() {
                "pi" => Ok(Real(std::f64::consts::PI)),
                "e" => Ok(Real(std::f64::consts::E)),
                _ => Err(format!("{name:?} is unknown; only numbers, pi, e and functions can be used")),
            };
        }
        let mut arguments = vec![self.deeper(Self::sum)?];
        while self.eat(&[","]).is_some() {
            arguments.push(self.deeper(Self::sum)?);
        }
        self.eat(&[")"]).ok_or_else(|| format!("a \")\" is missing after the arguments of {name}"))?;
        apply(&name, &arguments)
    }
}

fn apply(name: &str, arguments: &[Number]) -> Result<Number, String> {
    let wrong = |wanted: &str| Err(format!("{name} takes {wanted}, not {}", arguments.len()));
    // exact on whole numbers
    match (name, arguments) {
        ("abs", [Whole(n)]) => return Ok(n.checked_abs().map_or(Real((*n as f64).abs()), Whole)),
        ("floor" | "ceil" | "round" | "int" | "trunc", [Whole(n)]) => return Ok(Whole(*n)),
        ("floor", [Real(x)]) => return whole(x.floor()),
        ("ceil", [Real(x)]) => return whole(x.ceil()),
        ("trunc" | "int", [Real(x)]) => return whole(x.trunc()),
        ("round", [Real(x)]) => return whole(x.round_ties_even()),
        ("round", [x, Whole(digits)]) => {
            let scale = 10_f64.powi((*digits).clamp(-15, 15) as i32);
            return finite((x.real() * scale).round_ties_even() / scale);
        }
        ("round", _) => return wrong("a number and perhaps a number of digits"),
        ("min", many) => {
            return many.iter().copied().reduce(|a, b| if b.real() < a.real() { b } else { a }).ok_or_else(|| "min of nothing".into());
        }
        ("max", many) => {
            return many.iter().copied().reduce(|a, b| if b.real() > a.real() { b } else { a }).ok_or_else(|| "max of nothing".into());
        }
        ("arctan2" | "atan2", [y, x]) => return finite(y.real().atan2(x.real())),
        ("pow", [base, exponent]) => return finite(base.real().powf(exponent.real())),
        ("log", [x, base]) => return finite(x.real().ln() / base.real().ln()),
        _ => {}
    }
    let function: fn(f64) -> f64 = match name {
        "sqrt" => f64::sqrt,
        "cbrt" => f64::cbrt,
        "abs" => f64::abs,
        "exp" => f64::exp,
        "expm1" => f64::exp_m1,
        "log" | "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "log1p" => f64::ln_1p,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "arcsin" | "asin" => f64::asin,
        "arccos" | "acos" => f64::acos,
        "arctan" | "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "arcsinh" | "asinh" => f64::asinh,
        "arccosh" | "acosh" => f64::acosh,
        "arctanh" | "atanh" => f64::atanh,
        "degrees" => f64::to_degrees,
        "radians" => f64::to_radians,
        "arctan2" | "atan2" | "pow" => return wrong("two numbers"),
        "floor" | "ceil" | "trunc" | "int" => return wrong("one number"),
        _ => return Err(format!("there is no function {name:?}")),
    };
    match arguments {
        [x] => finite(function(x.real())),
        _ => wrong("one number"),
    }
}

/// On whole numbers exactly, else (or where that does not fit) on reals.
fn exact(a: Number, b: Number, whole: fn(i128, i128) -> Option<i128>, real: fn(f64, f64) -> f64) -> Result<Number, String> {
    if let (Whole(a), Whole(b)) = (a, b)
        && let Some(n) = whole(a, b)
    {
        return Ok(Whole(n));
    }
    finite(real(a.real(), b.real()))
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
    if remainder != 0 && (remainder < 0) != (b < 0) { quotient.checked_sub(1) } else { Some(quotient) }
}

fn floor_rem(a: i128, b: i128) -> Option<i128> {
    let remainder = a.checked_rem(b)?;
    if remainder != 0 && (remainder < 0) != (b < 0) { remainder.checked_add(b) } else { Some(remainder) }
}

fn whole(x: f64) -> Result<Number, String> {
    if x.abs() < 1e30 { Ok(Whole(x as i128)) } else { finite(x) }
}

fn finite(x: f64) -> Result<Number, String> {
    if x.is_nan() {
        Err("the result is not a real number".into())
    } else if x.is_infinite() {
        Err("the result is too large".into())
    } else {
        Ok(Real(x))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use super::*;

    #[test]
    fn expressions_give_what_python_gives() {
        for (expression, expected) in [
            ("1+1", "2"),
            ("1 + 2 * 3", "7"),
            ("(1 + 2) * 3", "9"),
            ("7/2", "3.5"),
            ("4/2", "2.0"),
            ("-7 // 2", "-4"),
            ("-7 % 3", "2"),
            ("7 % -3", "-2"),
            ("7.5 % 2", "1.5"),
            ("-2 ** 2", "-4"),
            ("2 ** -1", "0.5"),
            ("2 ** 3 ** 2", "512"),
            ("2^10", "1024"),
            ("--3", "3"),
            ("2*-3", "-6"),
            ("0.1 + 0.2", "0.30000000000000004"),
            ("1e3", "1000.0"),
            ("1.5E-3*2", "0.003"),
            ("1_000 * 1_000", "1000000"),
            ("2**100", "1267650600228229401496703205376"),
            ("2**200", "1.6069380442589903e60"),
            ("sqrt(16) ** 2", "16.0"),
            ("SIN(0)", "0.0"),
            ("log(e)", "1.0"),
            ("log(8, 2)", "3.0"),
            ("round(2.675 * 100)", "268"),
            ("round(1234.5678, 2)", "1234.57"),
            ("max(1, 2.5, -3)", "2.5"),
            ("floor(-1.5)", "-2"),
            ("abs(-3)", "3"),
            ("pi", "3.141592653589793"),
            (" ( ( 3 ) ) ", "3"),
        ] {
            assert_eq!(evaluate(expression).map(|n| n.to_string()), Ok(expected.to_owned()), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_says_why() {
        for (expression, expected) in [
            ("", "ends where a number is expected"),
            ("1 +", "ends where a number is expected"),
            ("1 2", "'2' was not expected after \"1 \""),
            ("(1", "a \")\" is missing"),
            ("1)", "')' was not expected"),
            ("1/0", "divides by zero"),
            ("0 ** -1", "divides by zero"),
            ("5 % 0", "divides by zero"),
            ("sqrt(-1)", "not a real number"),
            ("10.0 ** 400", "too large"),
            ("1.2.3", "\"1.2.3\" is not a number"),
            ("1e", "\"1e\" is not a number"),
            ("x + 1", "\"x\" is unknown"),
            ("__import__('os')", "is not part of an expression"),
            ("exec(1)", "there is no function \"exec\""),
            ("sqrt(1, 2)", "sqrt takes one number, not 2"),
            ("sqrt(1", "missing after the arguments of sqrt"),
            ("2 × 3", "'×' was not expected"),
            ("€", "'€' is not part of an expression"),
        ] {
            let error = evaluate(expression).unwrap_err();
            assert!(error.contains(expected), "{expression}: {error}");
        }
        for deep in ["(".repeat(5_000), "-".repeat(5_000), "2**".repeat(3_000), "abs(".repeat(2_000)] {
            assert!(evaluate(&deep).unwrap_err().contains("nested deeper"), "{}", &deep[..6]);
        }
        assert!(evaluate(&"1+".repeat(6_000)).unwrap_err().contains("longer than"));
    }

    #[test]
    fn the_tool_repeats_the_expression() {
        let output = run("maths", "eval_expression", json!({"expression": " 6*7 "})).unwrap();
        assert_eq!(output.text, "The result of the expression \"6*7\" is 42");
        assert!(run("maths", "eval_expression", json!({"expression": "6*"})).unwrap_err().contains("\"expression\" can't be computed"));
    }
}
