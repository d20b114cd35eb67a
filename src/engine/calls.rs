//! Questions that controllers put in the middle of a look, and how the answers find their way back.
//!
//! A controller asks and stops there. When the answer has come, it looks again from the start, puts the same questions,
//! and this time goes on. So the controllers read as the real ones do, and still nothing here waits or sends.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::event::Told;
use super::queue::Item;

/// Names a question that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(u64);

/// What one item has asked in the look that is not over yet.
#[derive(Clone, Debug)]
struct Looking<Q, A> {
    asked: Vec<Asked<Q, A>>,
    /// The ends of the pauses, in the order in which they were made.
    pauses: Vec<(&'static str, Timestamp)>,
    /// The Events that it has left.
    told: Vec<Told>,
}

#[derive(Clone, Debug)]
struct Asked<Q, A> {
    id: QuestionId,
    question: Q,
    state: State<A>,
}

#[derive(Clone, Debug)]
enum State<A> {
    New,
    Taken,
    Answered(A),
}

/// The open looks of all controllers. `Q` is a question, `A` an answer.
#[derive(Clone, Debug)]
pub struct Calls<Q, A> {
    looking: HashMap<Item, Looking<Q, A>>,
    /// In the order in which they were put; those that were withdrawn stay until they come up.
    order: VecDeque<(QuestionId, Item)>,
    askers: HashMap<QuestionId, Item>,
    counter: u64,
}

impl<Q, A> Default for Calls<Q, A> {
    fn default() -> Self {
        Self { looking: HashMap::new(), order: VecDeque::new(), askers: HashMap::new(), counter: 0 }
    }
}

impl<Q, A> Default for Looking<Q, A> {
    fn default() -> Self {
        Self { asked: Vec::new(), pauses: Vec::new(), told: Vec::new() }
    }
}

impl<Q: Clone + PartialEq, A: Clone> Calls<Q, A> {
    /// The answer to a question, if it has come; else the question is open from now on.
    pub fn ask(&mut self, item: &Item, question: Q) -> Option<A> {
        let looking = self.looking.entry(item.clone()).or_default();
        if let Some(known) = looking.asked.iter().find(|asked| asked.question == question) {
            return match &known.state {
                State::Answered(answer) => Some(answer.clone()),
                State::New | State::Taken => None,
            };
        }
        self.counter += 1;
        let id = QuestionId(self.counter);
        looking.asked.push(Asked { id, question, state: State::New });
        self.order.push_back((id, item.clone()));
        self.askers.insert(id, item.clone());
        None
    }

    /// When a pause of this name ends, which begins when it is asked for first.
    pub fn pause(&mut self, item: &Item, name: &'static str, now: Timestamp, length: SignedDuration) -> Timestamp {
        let looking = self.looking.entry(item.clone()).or_default();
        if let Some((_, end)) = looking.pauses.iter().find(|(known, _)| *known == name) {
            return *end;
        }
        let end = now.saturating_add(length).unwrap_or(Timestamp::MAX);
        looking.pauses.push((name, end));
        end
    }

    /// Which of a look's Events are new: one that stops at a question is played again, and tells the same again.
    pub fn untold(&mut self, item: &Item, told: Vec<Told>, is_open: bool) -> Vec<Told> {
        // Most looks ask nothing.
        if !is_open && !self.looking.contains_key(item) {
            return told;
        }
        let looking = self.looking.entry(item.clone()).or_default();
        let mut known: Vec<usize> = (0..looking.told.len()).collect();
        let mut new = Vec::new();
        for event in told {
            match known.iter().position(|at| looking.told[*at].is_same(&event)) {
                Some(at) => drop(known.remove(at)),
                None => new.push(event),
            }
        }
        looking.told.extend(new.iter().cloned());
        new
    }

    /// Forgets the questions, answers and pauses of an item: its look has come to its end.
    pub fn finish(&mut self, item: &Item) {
        for asked in self.looking.remove(item).into_iter().flat_map(|looking| looking.asked) {
            self.askers.remove(&asked.id);
        }
    }

    /// The next question that nobody has taken up.
    pub fn poll(&mut self) -> Option<(QuestionId, Q)> {
        while let Some((id, item)) = self.order.pop_front() {
            let looking = self.looking.get_mut(&item);
            let asked = looking.into_iter().flat_map(|looking| &mut looking.asked).find(|asked| asked.id == id);
            if let Some(asked) = asked {
                asked.state = State::Taken;
                return Some((id, asked.question.clone()));
            }
        }
        None
    }

    /// Who put a question; `None` once it is withdrawn or the look is over.
    pub fn asker(&self, id: QuestionId) -> Option<&Item> {
        self.askers.get(&id)
    }

    /// Takes an answer in; gives the item that may go on now, unless it has withdrawn its question.
    pub fn answer(&mut self, id: QuestionId, answer: A) -> Option<Item> {
        let item = self.askers.get(&id)?.clone();
        let asked = self.looking.get_mut(&item)?.asked.iter_mut().find(|asked| asked.id == id)?;
        asked.state = State::Answered(answer);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::controller::Controller;
    use crate::objref::{Kind, ObjRef};

    fn item() -> Item {
        (Controller::Orders, ObjRef::new(Kind::Order, Some("shop"), "web-1"))
    }

    #[test]
    fn a_question_is_put_once_and_answered_when_it_is_put_again() {
        let mut calls: Calls<&str, u8> = Calls::default();
        assert_eq!((calls.ask(&item(), "a"), calls.ask(&item(), "a")), (None, None));
        let (id, question) = calls.poll().unwrap();
        assert_eq!((question, calls.poll(), calls.asker(id)), ("a", None, Some(&item())));
        assert_eq!(calls.answer(id, 7), Some(item()));
        assert_eq!(calls.ask(&item(), "a"), Some(7));
    }

    #[test]
    fn questions_come_up_in_the_order_in_which_they_were_put() {
        let mut calls: Calls<&str, u8> = Calls::default();
        for question in ["a", "b"] {
            calls.ask(&item(), question);
        }
        let order: Vec<_> = std::iter::from_fn(|| calls.poll()).map(|(_, question)| question).collect();
        assert_eq!(order, ["a", "b"]);
    }

    #[test]
    fn who_has_finished_gets_no_more_answers() {
        let mut calls: Calls<&str, u8> = Calls::default();
        calls.ask(&item(), "a");
        let (id, _) = calls.poll().unwrap();
        calls.ask(&item(), "b");
        calls.finish(&item());
        assert_eq!((calls.answer(id, 7), calls.poll(), calls.asker(id)), (None, None, None));
        assert_eq!(calls.ask(&item(), "a"), None);
    }

    #[test]
    fn a_pause_ends_when_it_was_first_to_end() {
        let mut calls: Calls<&str, u8> = Calls::default();
        let (at, length) = (|second| Timestamp::from_second(second).unwrap(), SignedDuration::from_secs(5));
        assert_eq!(calls.pause(&item(), "a", at(1), length), at(6));
        assert_eq!(calls.pause(&item(), "a", at(3), length), at(6));
        calls.finish(&item());
        assert_eq!(calls.pause(&item(), "a", at(10), length), at(15));
    }
}
