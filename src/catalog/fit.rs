//! How much of a conversation a prompt can hold.

use super::Model;

/// Tokens kept free for the answer when nobody says how many.
const ANSWER_RESERVE: usize = 1024;

/// Tokens a prompt may have beside an answer of up to `max_tokens`; half of the context in any case.
pub fn prompt_budget(model: &Model, max_tokens: Option<u32>) -> usize {
    let context = model.context_size();
    let wanted = max_tokens.map_or(ANSWER_RESERVE, |n| n as usize);
    context - wanted.min(context / 2)
}

/// Looks for the largest number of newest exchanges that fit, by halving; all of them are tried first. None at all is what
/// is left in any case, and is not tried.
pub struct Newest {
    /// Known to fit, or none.
    fits: usize,
    /// Known not to fit, or one more than there are.
    over: usize,
    all: usize,
}

impl Newest {
    pub fn of(all: usize) -> Self {
        Self { fits: 0, over: all + 1, all }
    }

    /// How many to try next; none when it is known.
    pub fn to_try(&self) -> Option<usize> {
        match self.over - self.fits {
            1 => None,
            _ if self.over > self.all => Some(self.all),
            _ => Some(usize::midpoint(self.fits, self.over)),
        }
    }

    /// What became of the last [`Newest::to_try`].
    pub fn tried(&mut self, fits: bool) {
        let Some(n) = self.to_try() else { return };
        if fits {
            self.fits = n;
        } else {
            self.over = n;
        }
    }

    pub fn that_fit(&self) -> usize {
        self.fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_fit_are_found_in_few_tries() {
        for all in 0..40 {
            for limit in 0..=all + 1 {
                let mut newest = Newest::of(all);
                let mut n_tries = 0;
                while let Some(n) = newest.to_try() {
                    assert!((1..=all).contains(&n));
                    newest.tried(n <= limit);
                    n_tries += 1;
                }
                assert_eq!(newest.that_fit(), limit.min(all));
                assert!(n_tries <= 7, "{n_tries} tries for {limit} of {all}");
            }
        }
    }
}
