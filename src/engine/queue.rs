//! Which controller looks at which object next, and when: cert-manager's work queues as one.
//!
//! Deterministic: what is due is worked off in the order in which it became due. Knows nothing of the objects.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::controller::Controller;
use crate::objref::ObjRef;

/// One controller's look at one object.
pub type Item = (Controller, ObjRef);

/// Why an item comes up later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// A controller asked for it; asking again replaces the time.
    Scheduled,
    /// A look pauses until then.
    Resumed,
    /// The last look ended in an error. Without any change in between, the next one ends so too.
    Retry,
}

/// The queues of all controllers.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Objects by their number, which stands for them in what is due.
    ready: VecDeque<(Controller, usize)>,
    objects: Vec<Object>,
    numbers: HashMap<Rc<ObjRef>, usize>,
    later: BTreeMap<(Timestamp, u64), (Item, Why)>,
    scheduled: HashMap<Item, (Timestamp, u64)>,
    failures: HashMap<Item, u32>,
    counter: u64,
}

/// An object that was due once.
#[derive(Clone, Debug)]
struct Object {
    name: Rc<ObjRef>,
    /// A bit for each controller that it is due for.
    due: u32,
}

const fn bit(controller: Controller) -> u32 {
    1 << controller as u32
}

impl Queue {
    /// Adds an item unless it waits already.
    pub fn add(&mut self, item: &Item) {
        self.add_all(&[item.0], &item.1);
    }

    /// The same for several controllers of one object.
    pub fn add_all(&mut self, controllers: &[Controller], object: &ObjRef) {
        let number = self.number(object);
        let due = &mut self.objects[number].due;
        for controller in controllers {
            if *due & bit(*controller) == 0 {
                *due |= bit(*controller);
                self.ready.push_back((*controller, number));
            }
        }
    }

    fn number(&mut self, object: &ObjRef) -> usize {
        if let Some(number) = self.numbers.get(object) {
            return *number;
        }
        let (name, number) = (Rc::new(object.clone()), self.objects.len());
        self.numbers.insert(Rc::clone(&name), number);
        self.objects.push(Object { name, due: 0 });
        number
    }

    /// Adds an item at a time, in place of the time asked for before (`pkg/scheduler`).
    pub fn schedule(&mut self, item: Item, at: Timestamp) {
        if let Some(old) = self.scheduled.remove(&item) {
            self.later.remove(&old);
        }
        self.counter += 1;
        self.scheduled.insert(item.clone(), (at, self.counter));
        self.later.insert((at, self.counter), (item, Why::Scheduled));
    }

    /// Adds an item at the end of a pause, whatever else it has asked for.
    pub fn resume(&mut self, item: Item, at: Timestamp) {
        self.counter += 1;
        self.later.insert((at, self.counter), (item, Why::Resumed));
    }

    /// Whether an item has asked for a time.
    pub fn is_scheduled(&self, item: &Item) -> bool {
        self.scheduled.contains_key(item)
    }

    /// Adds an item that failed again after its back-off: doubled each time, up to the controller's maximum.
    pub fn retry(&mut self, item: Item, now: Timestamp) {
        let failures = self.failures.entry(item.clone()).or_default();
        let (first, longest) = item.0.retry_seconds();
        let wait = first.saturating_mul(1i64.checked_shl(*failures).unwrap_or(i64::MAX)).clamp(first, longest);
        *failures = failures.saturating_add(1).min(31);
        let at = now.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX);
        self.counter += 1;
        self.later.insert((at, self.counter), (item, Why::Retry));
    }

    /// Forgets the failures of an item that went well.
    pub fn forget(&mut self, item: &Item) {
        if !self.failures.is_empty() {
            self.failures.remove(item);
        }
    }

    /// The next item that is due at `now`.
    pub fn pop(&mut self, now: Timestamp) -> Option<Item> {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let (at, (item, why)) = entry.remove_entry();
            if why == Why::Scheduled && self.scheduled.get(&item) == Some(&at) {
                self.scheduled.remove(&item);
            }
            self.add(&item);
        }
        let (controller, number) = self.ready.pop_front()?;
        let object = &mut self.objects[number];
        object.due &= !bit(controller);
        Some((controller, ObjRef::clone(&object.name)))
    }

    /// When the next item is due; `None` if nothing waits for a time.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// When the next item is due that is more than a repetition of what failed.
    pub fn next_scheduled(&self) -> Option<Timestamp> {
        self.later.iter().find(|(_, (_, why))| *why != Why::Retry).map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objref::Kind;

    fn item(name: &str) -> Item {
        (Controller::Trigger, ObjRef::new(Kind::Certificate, Some("shop"), name))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_item_waits_once_and_in_order() {
        let mut queue = Queue::default();
        for name in ["b", "a", "b"] {
            queue.add(&item(name));
        }
        assert_eq!(queue.pop(at(0)), Some(item("b")));
        assert_eq!(queue.pop(at(0)), Some(item("a")));
        assert_eq!(queue.pop(at(0)), None);
    }

    #[test]
    fn a_schedule_replaces_the_one_before() {
        let mut queue = Queue::default();
        queue.schedule(item("a"), at(10));
        queue.schedule(item("a"), at(20));
        assert_eq!((queue.deadline(), queue.pop(at(19))), (Some(at(20)), None));
        assert_eq!(queue.pop(at(20)), Some(item("a")));
        assert_eq!(queue.deadline(), None);
    }

    #[test]
    fn failures_wait_longer_each_time_and_success_forgets_them() {
        let mut queue = Queue::default();
        let mut waits = Vec::new();
        for _ in 0..7 {
            queue.retry(item("a"), at(0));
            let due = queue.deadline().unwrap();
            waits.push(due.as_second());
            assert_eq!((queue.next_scheduled(), queue.pop(due)), (None, Some(item("a"))));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        queue.forget(&item("a"));
        queue.retry(item("a"), at(0));
        assert_eq!(queue.deadline(), Some(at(1)));
    }
}
