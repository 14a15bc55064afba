// SPDX-License-Identifier: BSL-1.0
//
// Runs a few short threads in every order of their accesses, with every value that a load may return by the memory
// orders that were declared. Give `explored_sync` to the shared words of detail/, and `plain` to what they guard.
#ifndef EAP_TESTS_SUPPORT_EXPLORER_HPP
#define EAP_TESTS_SUPPORT_EXPLORER_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <type_traits>
#include <ucontext.h>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define EAP_TESTS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EAP_TESTS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define EAP_TESTS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EAP_TESTS_TSAN 1
#endif
#endif
#if defined(EAP_TESTS_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(EAP_TESTS_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(EAP_TESTS_ASAN) && !defined(EAP_TESTS_TSAN) && !(defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0)
#define EAP_TESTS_FAST_SWITCH 1 // swapcontext asks the kernel for the signal mask each time
#include <setjmp.h>
#endif

namespace tests {

/// What is searched, and how far.
struct exploring {
    enum class search : unsigned char {
        bounded,    // depth first; at most `preemptions` switches away from a thread that could go on
        sleep_sets, // depth first, without a bound, leaving out orders that differ only in independent steps
        random,     // `executions` executions from `seed`
        replay,     // the one execution of `schedule`
    };
    search how = search::bounded;
    unsigned preemptions = 2;   // a spurious failure or wake-up costs as much as a preemption
    std::size_t executions = 0; // no more than this many; 0: until all are done
    unsigned seed = 1;
    std::string schedule = {};
    bool weak_loads = true; // false: a load returns the newest value, whatever its order
};

/// What was found. A failure ends the search.
struct explored {
    std::size_t executions = 0;
    std::size_t redundant = 0; // of these, sleep sets found out too late that they need not have been run
    bool exhausted = false;    // nothing was left out
    std::string failure;       // empty when there was none
    std::string schedule; // of the failure; a letter: the thread that goes on, a capital: wakes spuriously;
                          // a digit: how old the value is that is read; !: a weak exchange fails
};

namespace explorer_detail {

constexpr std::size_t max_threads = 8; // the scenario itself is thread 0, written "a"
constexpr std::size_t max_atomics = 24;

/// What a thread knows: how far each thread had come, and of each atomic, the oldest store that it may still read.
/// One array, as all of it is joined in one go; fast without optimisation, too.
struct knowledge {
    static constexpr std::size_t size = max_threads + max_atomics;
    std::uint16_t of[size] = {};
    void join(const knowledge& other) noexcept {
        using all = std::uint16_t __attribute__((vector_size(sizeof(of)), may_alias));
        all mine, others;
        std::memcpy(&mine, of, sizeof(of));
        std::memcpy(&others, other.of, sizeof(of));
        mine = mine < others ? others : mine;
        std::memcpy(of, &mine, sizeof(of));
    }
};

/// A stack that is left and returned to. Everything runs on one thread of the operating system.
class fiber {
  public:
    fiber() = default; // the stack that is there already
    explicit fiber(void (*entry)()) : stack_(std::make_unique<char[]>(stack_size)) {
        getcontext(&context_);
        context_.uc_stack.ss_sp = stack_.get();
        context_.uc_stack.ss_size = stack_size;
        context_.uc_link = nullptr;
        makecontext(&context_, entry, 0);
#if defined(EAP_TESTS_ASAN)
        bottom_ = stack_.get();
        size_ = stack_size;
#endif
#if defined(EAP_TESTS_TSAN)
        tsan_ = __tsan_create_fiber(0);
#endif
    }
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;
    ~fiber() {
#if defined(EAP_TESTS_TSAN)
        if (stack_ != nullptr)
            __tsan_destroy_fiber(tsan_);
#endif
    }

    /// Leaves the fiber that runs, for this one. Returns when somebody switches back.
    void switch_from(fiber& from) {
        from.exceptions_ = *globals();
        *globals() = exceptions_;
#if defined(EAP_TESTS_TSAN)
        if (from.stack_ == nullptr)
            from.tsan_ = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(tsan_, 0);
#endif
#if defined(EAP_TESTS_ASAN)
        __sanitizer_start_switch_fiber(&from.fake_stack_, bottom_, size_);
        left_ = &from;
#endif
        jump(from, *this);
#if defined(EAP_TESTS_ASAN)
        from.arrived();
#endif
    }
    /// First thing on a new stack.
    void arrived() {
#if defined(EAP_TESTS_ASAN)
        __sanitizer_finish_switch_fiber(fake_stack_, &left_->bottom_, &left_->size_);
#endif
    }

  private:
    static constexpr std::size_t stack_size = 128U * 1024;

    struct exception_globals { // what the C++ ABI keeps for each thread: see __cxa_get_globals
        void* caught = nullptr;
        unsigned uncaught = 0;
    };
    static exception_globals* globals() {
        return reinterpret_cast<exception_globals*>(abi::__cxa_get_globals());
    }

#if defined(EAP_TESTS_FAST_SWITCH)
    static void jump(fiber& from, fiber& to) {
        if (_setjmp(from.jump_) != 0)
            return;
        from.has_run_ = true;
        if (to.has_run_)
            _longjmp(to.jump_, 1);
        to.has_run_ = true;
        setcontext(&to.context_);
    }
    jmp_buf jump_;
    bool has_run_ = false;
#else
    static void jump(fiber& from, fiber& to) { swapcontext(&from.context_, &to.context_); }
#endif

    std::unique_ptr<char[]> stack_;
    ucontext_t context_{};
    exception_globals exceptions_;
#if defined(EAP_TESTS_ASAN)
    void* fake_stack_ = nullptr;
    const void* bottom_ = nullptr;
    std::size_t size_ = 0;
    fiber* left_ = nullptr; // for this one
#endif
#if defined(EAP_TESTS_TSAN)
    void* tsan_ = nullptr;
#endif
};

/// The search, and the execution that is under way.
///
/// Limits        Modification order is the order of execution, and so is the order of seq_cst accesses; a store is not
///               delayed past a load (no load buffering). No fences. At most 7 threads and 24 atomics.
class explorer {
  public:
    explicit explorer(exploring what) : what_(std::move(what)), random_(what_.seed) {
        path_.reserve(256);
        records_.resize(64);
    }
    explorer(const explorer&) = delete;
    explorer& operator=(const explorer&) = delete;
    ~explorer() {
        for (thread* each : fibers_)
            delete each;
    }

    /// The one whose execution is under way; null outside.
    static explorer* running() noexcept { return running_; }

    template <class Scenario> explored explore(Scenario& scenario) {
        scenario_ = &scenario;
        call_scenario_ = [](void* it) { (*static_cast<Scenario*>(it))(); };
        explored found;
        do {
            run_once();
            ++found.executions;
            found.redundant += is_redundant_ ? 1 : 0;
            if (has_failed_) {
                found.failure = failure_;
                found.schedule = trace_;
                return found;
            }
            found.exhausted = !next();
        } while (!found.exhausted && found.executions != what_.executions);
        found.exhausted = found.exhausted && what_.how <= exploring::search::sleep_sets && !is_cut_;
        return found;
    }

    // ---- for scenarios ----

    template <class... Bodies> void run_threads(Bodies&... bodies) {
        static_assert(sizeof...(bodies) < max_threads);
        threads_ = 1;
        (add_thread(bodies), ...);
        run_added();
    }
    [[noreturn]] void fail(std::string what) {
        has_failed_ = true;
        failure_ = std::move(what);
        controller_.switch_from(fibers_[self_]->stack);
        std::abort(); // nobody comes back
    }
    std::size_t self() const noexcept { return self_; }
    void*& word_of_this_thread() noexcept { return fibers_[self_]->word; }
    void forget_at_end(void* memory) { quarantine_.push_back(memory); }

    // ---- objects: each has a record, which outlives it ----

    enum class kind : unsigned char { atomic, mutex, condition, data };

    std::uint32_t made(kind what, const void* address) {
        if (used_records_ == records_.size())
            records_.resize(2 * records_.size());
        record& r = records_[used_records_];
        r.what = what;
        r.address = address;
        r.is_alive = true;
        r.made_by = self_;
        r.made_at = now();
        std::fill_n(r.used_at, max_threads, std::uint16_t{0});
        r.used_at[self_] = now();
        r.stores.clear();
        r.newest_seq_cst = 0;
        r.holder = nobody;
        r.left = {};
        r.written_by = self_;
        r.written_at = now();
        if (what == kind::atomic) {
            if (used_atomics_ == max_atomics)
                fail("more atomics in one execution than the explorer has room for");
            r.view = max_threads + used_atomics_++;
            r.stores.push_back({});
        }
        return used_records_++;
    }
    void set_initial(std::uint32_t number, std::uint64_t value) { records_[number].stores[0].value = value; }

    void ended(std::uint32_t number, const void* address) {
        record& r = find(number, address, "is destroyed twice");
        for (std::size_t t = 0; t < max_threads; ++t)
            if (r.used_at[t] > knows(t))
                fail(name(r) + " is destroyed by thread " + letter(self_) +
                     " in a data race with its use by thread " + letter(t));
        for (std::size_t t = 1; t < threads_; ++t)
            if (fibers_[t]->is == state::waiting && fibers_[t]->next.object == number)
                fail(name(r) + " is destroyed while thread " + letter(t) + " waits for it");
        if (r.what == kind::mutex && r.holder != nobody)
            fail(name(r) + " is destroyed while it is locked");
        r.is_alive = false;
    }

    // ---- data that is not atomic ----

    void read_data(std::uint32_t number, const void* address) {
        record& r = find(number, address, "is read after its end");
        if (r.written_at > knows(r.written_by))
            fail("data race: thread " + letter(self_) + " reads " + name(r) + ", which thread " +
                 letter(r.written_by) + " has written");
        r.used_at[self_] = now();
    }
    void write_data(std::uint32_t number, const void* address) {
        record& r = find(number, address, "is written after its end");
        for (std::size_t t = 0; t < max_threads; ++t)
            if (r.used_at[t] > knows(t))
                fail("data race: thread " + letter(self_) + " writes " + name(r) + ", which thread " +
                     letter(t) + " uses");
        r.used_at[self_] = now();
        r.written_by = self_;
        r.written_at = now();
    }

    // ---- atomics ----

    std::uint64_t load(std::uint32_t number, const void* address, std::memory_order order) {
        step({number, effect::reads});
        record& r = use(number, address);
        std::size_t oldest = may_read_from(r, order);
        if (!what_.weak_loads)
            oldest = r.stores.size() - 1;
        const std::size_t from = r.stores.size() - 1 - choose(r.stores.size() - oldest);
        return read(r, from, order);
    }
    void store(std::uint32_t number, const void* address, std::uint64_t value, std::memory_order order) {
        step({number, effect::writes});
        append(use(number, address), value, order, nullptr);
        tick();
    }
    template <class F>
    std::uint64_t modify(std::uint32_t number, const void* address, std::memory_order order, F changed) {
        step({number, effect::writes});
        record& r = use(number, address);
        const knowledge carried = r.stores.back().carries; // a release sequence goes on through it
        const std::uint64_t old = read(r, r.stores.size() - 1, order, false);
        append(r, changed(old), order, &carried);
        tick();
        return old;
    }
    /// True when it has stored.
    bool compare_exchange(std::uint32_t number, const void* address, std::uint64_t& expected,
                          std::uint64_t desired, std::memory_order success, std::memory_order failure,
                          bool is_weak) {
        step({number, effect::writes});
        record& r = use(number, address);
        const std::size_t newest = r.stores.size() - 1;
        const bool may_store = r.stores[newest].value == expected;
        // Failing, it is a load, and may find an older value; it must differ from what was expected.
        std::array<std::size_t, 16> candidates{newest};
        std::size_t count = 1;
        if (what_.weak_loads) {
            for (std::size_t i = newest, oldest = may_read_from(r, failure); i-- > oldest;)
                if (r.stores[i].value != expected && count < candidates.size())
                    candidates[count++] = i;
        }
        const std::size_t from = candidates[choose(count)];
        if (from == newest && may_store) {
            if (!is_weak || !fails_spuriously()) {
                const knowledge carried = r.stores.back().carries;
                read(r, newest, success, false);
                append(r, desired, success, &carried);
                tick();
                return true;
            }
        }
        expected = read(r, from, failure);
        return false;
    }
    void wait(std::uint32_t number, const void* address, std::uint64_t old, std::memory_order order) {
        for (;;) {
            step({number, effect::writes});
            record& r = use(number, address);
            if (read(r, r.stores.size() - 1, order) != old) // a stale value would only be looked at again
                return;
            thread& me = *fibers_[self_];
            me.is = state::waiting;
            me.next = {number, effect::writes};
            me.is_timed = false;
            me.mutex = no_object;
            leave();
        }
    }

    // ---- mutexes and condition variables ----

    void lock(std::uint32_t number, const void* address) {
        step({number, effect::locks});
        acquire(number, address);
    }
    void unlock(std::uint32_t number, const void* address) {
        record& r = use(number, address);
        if (r.holder != self_)
            fail(name(r) + " is unlocked by thread " + letter(self_) + ", which has not locked it");
        r.holder = nobody;
        r.left = fibers_[self_]->knows;
        tick();
    }
    /// False when the time has come.
    bool wait(std::uint32_t number, const void* address, std::uint32_t mutex, const void* mutex_address,
              bool is_timed) {
        step({number, effect::writes});
        use(number, address);
        unlock(mutex, mutex_address);
        thread& me = *fibers_[self_];
        me.is = state::waiting;
        me.next = {number, effect::writes};
        me.is_timed = is_timed;
        me.mutex = mutex;
        leave();
        const bool in_time = me.next.what == effect::locks; // somebody has made it so
        if (!in_time) {
            me.is = state::ready;
            step({mutex, effect::locks});
        }
        acquire(mutex, mutex_address);
        return in_time;
    }
    void notify(std::uint32_t number, const void* address, bool all) {
        step({number, effect::writes});
        use(number, address);
        std::array<std::size_t, max_threads> waiting{};
        std::size_t count = 0;
        for (std::size_t t = 1; t < threads_; ++t)
            if (fibers_[t]->is == state::waiting && fibers_[t]->next.object == number)
                waiting[count++] = t;
        if (count == 0)
            return;
        if (all)
            for (std::size_t i = 0; i < count; ++i)
                wake(*fibers_[waiting[i]]);
        else
            wake(*fibers_[waiting[choose(count)]]);
    }

  private:
    static constexpr std::size_t nobody = max_threads;
    static constexpr std::uint32_t no_object = ~std::uint32_t{0};
    static constexpr std::size_t max_steps = 20000;

    enum class effect : unsigned char { reads, writes, locks };
    struct access { // what a thread does next
        std::uint32_t object = no_object;
        effect what = effect::reads;
        bool depends_on(const access& other) const noexcept {
            return object == other.object && (what != effect::reads || other.what != effect::reads);
        }
    };
    struct stored {
        std::uint64_t value = 0;
        knowledge carries; // what whoever acquires it learns
    };
    struct record {
        kind what;
        bool is_alive;
        const void* address;
        std::size_t made_by;
        std::uint16_t made_at;
        std::uint16_t used_at[max_threads]; // by each thread, last
        // an atomic:
        std::size_t view; // where threads keep the oldest store they may read
        std::size_t newest_seq_cst;
        std::vector<stored> stores; // in modification order
        // a mutex:
        std::size_t holder;
        knowledge left; // by whoever unlocked it last
        // data:
        std::size_t written_by;
        std::uint16_t written_at;
    };
    enum class state : unsigned char { ready, waiting, ended };
    struct thread {
        explicit thread(void (*entry)()) : stack(entry) {}
        fiber stack;
        knowledge knows;
        state is = state::ready;
        access next;
        bool is_timed = false;
        std::uint32_t mutex = no_object; // to be locked again before it goes on
        void* body = nullptr;
        void (*call)(void*) = nullptr;
        void* word = nullptr;
    };

    // ---- one execution ----

    void run_once() {
        used_records_ = 0;
        used_atomics_ = 0;
        threads_ = 1;
        steps_ = 0;
        depth_ = 0;
        budget_ = what_.preemptions;
        asleep_ = 0;
        is_redundant_ = false;
        are_running_ = false;
        is_starting_ = false;
        trace_.clear();
        self_ = 0;
        thread& main = need_fiber(0);
        main.knows = {};
        main.knows.of[0] = 1;
        main.is = state::ready;
        main.body = scenario_;
        main.call = call_scenario_;
        main.word = nullptr;
        running_ = this;
        main.stack.switch_from(controller_);
        running_ = nullptr;
        for (void* each : quarantine_)
            ::operator delete(each);
        quarantine_.clear();
        if (has_failed_)
            abandon();
    }
    /// What stands on these stacks is never destroyed: nobody knows what a failed execution has left.
    void abandon() {
        static auto& forever = *new std::vector<thread*>;
        for (thread*& each : fibers_)
            if (each != nullptr)
                forever.push_back(std::exchange(each, nullptr));
    }
    thread& need_fiber(std::size_t number) {
        if (fibers_[number] == nullptr)
            fibers_[number] = new thread{&fiber_main};
        return *fibers_[number];
    }
    static void fiber_main() {
        explorer& self = *running_;
        thread& me = *self.fibers_[self.self_];
        const std::size_t number = self.self_;
        me.stack.arrived();
        for (;;) {
            try {
                me.call(me.body);
            } catch (...) {
                self.fail("an exception leaves thread " + letter(number));
            }
            running_->thread_ended(me, number);
        }
    }
    void thread_ended(thread& me, std::size_t number) {
        if (number == 0) {
            for (std::size_t i = 0; i < used_records_; ++i)
                if (records_[i].is_alive)
                    fail(name(records_[i]) + " is leaked");
            controller_.switch_from(me.stack);
            return;
        }
        me.is = state::ended;
        if (is_starting_)
            go_on_with(0);
        else
            leave();
    }

    template <class Body> void add_thread(Body& body) {
        thread& added = need_fiber(threads_);
        const std::uint16_t before = knows(threads_);
        added.knows = fibers_[0]->knows;
        added.knows.of[threads_] = static_cast<std::uint16_t>(before + 1);
        added.is = state::ready;
        added.next = {};
        added.body = const_cast<void*>(static_cast<const void*>(&body)); // `call` knows what it is
        added.call = [](void* it) { (*static_cast<Body*>(it))(); };
        added.word = nullptr;
        ++threads_;
    }
    void run_added() {
        tick();
        is_starting_ = true; // each goes as far as its first access, where the choices begin
        for (std::size_t t = 1; t < threads_; ++t)
            go_on_with(t);
        is_starting_ = false;
        are_running_ = true;
        asleep_ = 0;
        leave();
        are_running_ = false;
        for (std::size_t t = 1; t < threads_; ++t)
            fibers_[0]->knows.join(fibers_[t]->knows);
    }

    void go_on_with(std::size_t next) {
        fiber& from = fibers_[self_]->stack;
        if (next == self_)
            return;
        self_ = next;
        fibers_[next]->stack.switch_from(from);
    }

    /// Before each access that others could notice: whoever comes next may be another thread.
    void step(access next) {
        thread& me = *fibers_[self_];
        me.next = next;
        if (++steps_ > max_steps)
            fail("the execution does not end");
        if (are_running_) {
            go_on_with(decide(self_));
        } else if (is_starting_) {
            go_on_with(0); // comes back when it is chosen
        } else if (!can_go_on(0)) {
            fail("thread a waits for itself");
        }
    }
    /// The thread that runs waits, or has ended.
    void leave() { go_on_with(decide(nobody)); }

    bool can_go_on(std::size_t t) const {
        const thread& it = *fibers_[t];
        switch (it.is) {
        case state::ready:
            return it.next.what != effect::locks || it.next.object >= used_records_ ||
                   records_[it.next.object].holder == nobody;
        case state::waiting:
            return it.is_timed; // its time may come at any time
        default:
            return false;
        }
    }
    bool can_wake_spuriously(std::size_t t) const {
        const thread& it = *fibers_[t];
        return it.is == state::waiting && it.mutex != no_object && !it.is_timed &&
               records_[it.mutex].holder == nobody;
    }

    // ---- choices ----

    struct choice {
        unsigned char taken;
        unsigned char options; // how many; for sleep sets: a set of threads
        unsigned char asleep;
        bool is_set;
    };

    /// Which thread goes on. `current` can go on, or is nobody.
    std::size_t decide(std::size_t current) {
        unsigned ready = 0;
        unsigned drowsy = 0; // might wake spuriously
        bool all_ended = true;
        for (std::size_t t = 1; t < threads_; ++t) {
            ready |= can_go_on(t) ? 1U << t : 0U;
            drowsy |= can_wake_spuriously(t) ? 1U << t : 0U;
            all_ended = all_ended && fibers_[t]->is == state::ended;
        }
        if (ready == 0) {
            if (all_ended)
                return 0;
            fail("deadlock or lost wake-up: " + who_waits());
        }
        const bool is_forced = (ready & (ready - 1)) == 0 && drowsy == 0;
        if (what_.how == exploring::search::sleep_sets)
            return decide_by_sleep_sets(ready, is_forced);
        if (is_forced)
            return static_cast<std::size_t>(std::countr_zero(ready));
        const bool goes_on = current != nobody && (ready & (1U << current)) != 0;

        std::array<unsigned char, 2 * max_threads> options{}; // those who wake spuriously: + max_threads
        std::size_t count = 0;
        const bool is_free = what_.how != exploring::search::bounded || !goes_on;
        if (goes_on)
            options[count++] = static_cast<unsigned char>(current);
        for (std::size_t t = 1; t < threads_; ++t)
            if ((ready & (1U << t)) != 0 && t != current && (is_free || budget_ != 0))
                options[count++] = static_cast<unsigned char>(t);
        for (std::size_t t = 1; t < threads_; ++t)
            if ((drowsy & (1U << t)) != 0 && (budget_ != 0 || what_.how == exploring::search::replay))
                options[count++] = static_cast<unsigned char>(t + max_threads);

        std::size_t taken = 0;
        if (what_.how == exploring::search::replay) {
            const char wanted = next_of_schedule();
            for (std::size_t i = 0; i < count; ++i)
                if (letter_of(options[i]) == wanted)
                    taken = i;
        } else {
            taken = pick(count);
        }
        const unsigned char who = options[taken];
        trace_ += letter_of(who);
        if (who >= max_threads) {
            --budget_;
            wake(*fibers_[who - max_threads]);
            return who - max_threads;
        }
        if (!is_free && who != current)
            --budget_;
        return who;
    }
    std::size_t decide_by_sleep_sets(unsigned ready, bool is_forced) {
        std::size_t taken = 0;
        unsigned sleeping = asleep_;
        if (depth_ < path_.size()) {
            sleeping = path_[depth_].asleep;
            taken = path_[depth_++].taken;
        } else {
            const unsigned awake = ready & ~asleep_;
            is_redundant_ = is_redundant_ || awake == 0;
            taken = static_cast<std::size_t>(std::countr_zero(awake == 0 ? ready : awake));
            if (!is_redundant_) {
                path_.push_back({static_cast<unsigned char>(taken), static_cast<unsigned char>(ready),
                                 static_cast<unsigned char>(asleep_), true});
                ++depth_;
            }
        }
        asleep_ = 0;
        for (std::size_t t = 1; t < threads_; ++t)
            if ((sleeping & (1U << t)) != 0 && t != taken &&
                !fibers_[t]->next.depends_on(fibers_[taken]->next))
                asleep_ |= 1U << t;
        if (!is_forced)
            trace_ += letter_of(taken);
        return taken;
    }
    /// One of several outcomes of a step.
    std::size_t choose(std::size_t options) {
        if (options < 2)
            return 0;
        is_cut_ = is_cut_ || options > 10;
        std::size_t taken = 0;
        if (what_.how == exploring::search::replay) {
            const char wanted = next_of_schedule();
            taken = wanted > '0' && wanted <= '9' ? static_cast<std::size_t>(wanted - '0') : 0;
            taken = std::min(taken, options - 1);
        } else {
            taken = pick(std::min<std::size_t>(options, 10));
        }
        trace_ += static_cast<char>('0' + taken);
        return taken;
    }
    bool fails_spuriously() {
        if (what_.how == exploring::search::replay) {
            if (at_schedule_ >= what_.schedule.size() || what_.schedule[at_schedule_] != '!')
                return false;
            ++at_schedule_;
        } else if (what_.how == exploring::search::sleep_sets || !are_running_ || budget_ == 0 ||
                   pick(2) == 0) {
            return false;
        } else {
            --budget_;
        }
        trace_ += '!';
        return true;
    }
    std::size_t pick(std::size_t options) {
        if (options < 2 || is_redundant_)
            return 0;
        if (what_.how == exploring::search::random)
            return random_() % options;
        if (depth_ == path_.size())
            path_.push_back({0, static_cast<unsigned char>(options), 0, false});
        return path_[depth_++].taken;
    }
    /// Whether there is another execution. It repeats this one up to the last choice that has an alternative left.
    bool next() {
        if (what_.how == exploring::search::random)
            return true;
        if (what_.how == exploring::search::replay)
            return false;
        for (; !path_.empty(); path_.pop_back()) {
            choice& last = path_.back();
            if (!last.is_set) {
                if (++last.taken < last.options)
                    return true;
                continue;
            }
            last.asleep = static_cast<unsigned char>(last.asleep | (1U << last.taken));
            if (const unsigned left = last.options & ~unsigned{last.asleep}; left != 0) {
                last.taken = static_cast<unsigned char>(std::countr_zero(left));
                return true;
            }
        }
        return false;
    }

    // ---- the memory model ----

    std::uint16_t now() const { return fibers_[self_]->knows.of[self_]; }
    std::uint16_t knows(std::size_t of) const { return fibers_[self_]->knows.of[of]; }
    void tick() { ++fibers_[self_]->knows.of[self_]; }

    record& find(std::uint32_t number, const void* address, const char* otherwise) {
        if (number >= used_records_ || records_[number].address != address)
            fail(std::string("something that was destroyed, and overwritten, ") + otherwise);
        record& r = records_[number];
        if (!r.is_alive)
            fail(name(r) + " " + otherwise + ", by thread " + letter(self_));
        if (r.made_at > knows(r.made_by))
            fail("data race: thread " + letter(self_) + " uses " + name(r) +
                 ", and need not know that it was made, by thread " + letter(r.made_by));
        return r;
    }
    record& use(std::uint32_t number, const void* address) {
        record& r = find(number, address, "is used after its end");
        r.used_at[self_] = now();
        return r;
    }
    static bool acquires(std::memory_order order) {
        return order != std::memory_order_relaxed && order != std::memory_order_release;
    }
    static bool releases(std::memory_order order) {
        return order == std::memory_order_release || order == std::memory_order_acq_rel ||
               order == std::memory_order_seq_cst;
    }
    /// The oldest store that a load may return: not one that it knows to be overwritten.
    std::size_t may_read_from(const record& r, std::memory_order order) const {
        const std::size_t known = fibers_[self_]->knows.of[r.view];
        return order == std::memory_order_seq_cst ? std::max(known, r.newest_seq_cst) : known;
    }
    std::uint64_t read(record& r, std::size_t from, std::memory_order order, bool ticks = true) {
        knowledge& mine = fibers_[self_]->knows;
        const stored& s = r.stores[from];
        if (mine.of[r.view] < from)
            mine.of[r.view] = static_cast<std::uint16_t>(from);
        if (acquires(order))
            mine.join(s.carries);
        if (order == std::memory_order_seq_cst) // no later seq_cst load returns an older one
            r.newest_seq_cst = std::max(r.newest_seq_cst, from);
        if (ticks)
            tick();
        return s.value;
    }
    void append(record& r, std::uint64_t value, std::memory_order order, const knowledge* continues) {
        knowledge& mine = fibers_[self_]->knows;
        mine.of[r.view] = static_cast<std::uint16_t>(r.stores.size());
        r.stores.push_back({value, {}});
        if (releases(order))
            r.stores.back().carries = mine;
        if (continues != nullptr)
            r.stores.back().carries.join(*continues);
        if (order == std::memory_order_seq_cst)
            r.newest_seq_cst = r.stores.size() - 1;
    }

    void acquire(std::uint32_t number, const void* address) {
        record& r = use(number, address);
        r.holder = self_;
        fibers_[self_]->knows.join(r.left);
        tick();
    }
    static void wake(thread& it) {
        it.is = state::ready;
        if (it.mutex != no_object)
            it.next = {it.mutex, effect::locks};
    }

    // ---- words ----

    static std::string letter(std::size_t thread) {
        return std::string(1, static_cast<char>('a' + static_cast<int>(thread)));
    }
    static char letter_of(std::size_t option) {
        return static_cast<char>(option < max_threads ? 'a' + static_cast<int>(option)
                                                      : 'A' + static_cast<int>(option - max_threads));
    }
    std::string name(const record& r) const {
        static constexpr const char* kinds[] = {"atomic ", "mutex ", "condition variable ", "data "};
        std::size_t number = 1;
        for (const record* each = records_.data(); each != &r; ++each)
            number += each->what == r.what ? 1 : 0;
        return kinds[static_cast<std::size_t>(r.what)] + std::to_string(number);
    }
    std::string who_waits() const {
        std::string all;
        for (std::size_t t = 1; t < threads_; ++t)
            if (fibers_[t]->is != state::ended)
                all += (all.empty() ? "thread " : ", thread ") + letter(t) + " waits for " +
                       name(records_[fibers_[t]->next.object]);
        return all;
    }
    char next_of_schedule() {
        return at_schedule_ < what_.schedule.size() ? what_.schedule[at_schedule_++] : '\0';
    }

    static inline explorer* running_ = nullptr;

    const exploring what_;
    std::minstd_rand random_;
    void* scenario_ = nullptr;
    void (*call_scenario_)(void*) = nullptr;

    // the search
    std::vector<choice> path_;
    std::size_t depth_ = 0;
    bool is_cut_ = false; // a load had more values to choose from than are explored

    // this execution
    fiber controller_;
    thread* fibers_[max_threads] = {}; // kept from execution to execution; made when they are needed
    std::size_t threads_ = 1;
    std::size_t self_ = 0;
    bool is_starting_ = false;
    bool are_running_ = false;
    std::size_t steps_ = 0;
    unsigned budget_ = 0;
    unsigned asleep_ = 0;
    bool is_redundant_ = false;
    std::vector<record> records_;
    std::uint32_t used_records_ = 0;
    std::size_t used_atomics_ = 0;
    std::vector<void*> quarantine_;
    std::string trace_;
    std::size_t at_schedule_ = 0;
    bool has_failed_ = false;
    std::string failure_;
};

} // namespace explorer_detail

// ---- what scenarios use ----

/// Runs `scenario` again and again, until all that it may do has been seen or something is wrong. It makes what its threads
/// share, calls `run_threads` and looks at what came out; all of it must be gone at its end. It depends on nothing else.
template <class Scenario> [[nodiscard]] explored explore(const exploring& what, Scenario scenario) {
    return explorer_detail::explorer{what}.explore(scenario);
}
/// Within a scenario: runs the bodies to their ends, as threads.
template <class... Bodies> void run_threads(Bodies&&... bodies) {
    explorer_detail::explorer::running()->run_threads(bodies...);
}
/// Within a scenario: ends the search when it does not hold.
inline void expect(bool holds, const char* what) {
    if (!holds)
        explorer_detail::explorer::running()->fail(what);
}
/// A word of the thread that runs, null at first: what a thread_local variable would be, as all threads are one.
inline void*& word_of_this_thread() { return explorer_detail::explorer::running()->word_of_this_thread(); }

/// For objects that are deleted while threads run: their memory is not used again in the same execution, so that a use after
/// the end is seen as one.
struct quarantined {
    // not inline: GCC would see one half of the pair, and miss the other
    [[gnu::noinline]] static void* operator new(std::size_t size) { return ::operator new(size); }
    [[gnu::noinline]] static void operator delete(void* memory) noexcept {
        if (auto* const here = explorer_detail::explorer::running())
            here->forget_at_end(memory);
        else
            ::operator delete(memory);
    }
};

/// Data that is not atomic: an access that does not happen before or after all others is found, by the orders as declared.
template <class T> class plain {
    using explorer = explorer_detail::explorer;

  public:
    plain() : plain(T{}) {}
    plain(T value) : value_(std::move(value)) { // NOLINT(google-explicit-constructor): as a variable
        if (explorer* const here = explorer::running())
            number_ = here->made(explorer::kind::data, this);
    }
    plain(const plain&) = delete;
    ~plain() {
        if (explorer* const here = explorer::running())
            here->ended(number_, this);
    }
    plain& operator=(const plain& other) { return *this = static_cast<const T&>(other); }
    plain& operator=(T value) {
        explorer::running()->write_data(number_, this);
        value_ = std::move(value);
        return *this;
    }
    operator const T&() const { // NOLINT(google-explicit-constructor): as a variable
        explorer::running()->read_data(number_, this);
        return value_;
    }
    plain& operator++() { return *this = static_cast<const T&>(*this) + 1; }
    plain& operator--() { return *this = static_cast<const T&>(*this) - 1; }

  private:
    T value_;
    std::uint32_t number_ = 0;
};

/// std::atomic, explored.
template <class T> class explored_atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    using explorer = explorer_detail::explorer;
    static constexpr std::memory_order seq_cst = std::memory_order_seq_cst;

  public:
    explored_atomic() : explored_atomic(T{}) {}
    explored_atomic(T value) { // NOLINT(google-explicit-constructor): as std::atomic
        if (explorer* const here = explorer::running()) {
            number_ = here->made(explorer::kind::atomic, this);
            here->set_initial(number_, to_bits(value));
        }
    }
    explored_atomic(const explored_atomic&) = delete;
    explored_atomic& operator=(const explored_atomic&) = delete;
    ~explored_atomic() {
        if (explorer* const here = explorer::running())
            here->ended(number_, this);
    }

    T load(std::memory_order order = seq_cst) const { return from_bits(here().load(number_, this, order)); }
    void store(T value, std::memory_order order = seq_cst) {
        here().store(number_, this, to_bits(value), order);
    }
    T exchange(T value, std::memory_order order = seq_cst) {
        return modify(order, [value](T) { return value; });
    }
    T fetch_add(T value, std::memory_order order = seq_cst) {
        return modify(order, [value](T old) { return static_cast<T>(old + value); });
    }
    T fetch_sub(T value, std::memory_order order = seq_cst) {
        return modify(order, [value](T old) { return static_cast<T>(old - value); });
    }
    T fetch_or(T value, std::memory_order order = seq_cst) {
        return modify(order, [value](T old) { return static_cast<T>(old | value); });
    }
    T fetch_and(T value, std::memory_order order = seq_cst) {
        return modify(order, [value](T old) { return static_cast<T>(old & value); });
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure) {
        return compare_exchange(expected, desired, success, failure, true);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order order = seq_cst) {
        return compare_exchange(expected, desired, order, when_failing(order), true);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                                 std::memory_order failure) {
        return compare_exchange(expected, desired, success, failure, false);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order order = seq_cst) {
        return compare_exchange(expected, desired, order, when_failing(order), false);
    }
    void wait(T old, std::memory_order order = seq_cst) const {
        here().wait(number_, this, to_bits(old), order);
    }
    void notify_one() { here().notify(number_, this, false); }
    void notify_all() { here().notify(number_, this, true); }

  private:
    static explorer& here() { return *explorer::running(); }
    static std::uint64_t to_bits(T value) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &value, sizeof(T));
        return bits;
    }
    static T from_bits(std::uint64_t bits) {
        T value;
        std::memcpy(&value, &bits, sizeof(T));
        return value;
    }
    static constexpr std::memory_order when_failing(std::memory_order order) {
        return order == std::memory_order_acq_rel   ? std::memory_order_acquire
               : order == std::memory_order_release ? std::memory_order_relaxed
                                                    : order;
    }
    template <class F> T modify(std::memory_order order, F changed) {
        return from_bits(here().modify(number_, this, order,
                                       [&](std::uint64_t old) { return to_bits(changed(from_bits(old))); }));
    }
    bool compare_exchange(T& expected, T desired, std::memory_order success, std::memory_order failure,
                          bool is_weak) {
        std::uint64_t bits = to_bits(expected);
        const bool stored =
            here().compare_exchange(number_, this, bits, to_bits(desired), success, failure, is_weak);
        expected = from_bits(bits);
        return stored;
    }

    std::uint32_t number_ = 0;
};

class explored_mutex {
    using explorer = explorer_detail::explorer;

  public:
    explored_mutex() {
        if (explorer* const here = explorer::running())
            number_ = here->made(explorer::kind::mutex, this);
    }
    explored_mutex(const explored_mutex&) = delete;
    explored_mutex& operator=(const explored_mutex&) = delete;
    ~explored_mutex() {
        if (explorer* const here = explorer::running())
            here->ended(number_, this);
    }
    void lock() { explorer::running()->lock(number_, this); }
    void unlock() { explorer::running()->unlock(number_, this); }

  private:
    friend class explored_condition_variable;
    std::uint32_t number_ = 0;
};

/// No time passes: a wait that has one may end at any time.
class explored_condition_variable {
    using explorer = explorer_detail::explorer;

  public:
    explored_condition_variable() {
        if (explorer* const here = explorer::running())
            number_ = here->made(explorer::kind::condition, this);
    }
    explored_condition_variable(const explored_condition_variable&) = delete;
    explored_condition_variable& operator=(const explored_condition_variable&) = delete;
    ~explored_condition_variable() {
        if (explorer* const here = explorer::running())
            here->ended(number_, this);
    }

    void notify_one() noexcept { explorer::running()->notify(number_, this, false); }
    void notify_all() noexcept { explorer::running()->notify(number_, this, true); }
    void wait(std::unique_lock<explored_mutex>& lock) { wait(lock, false); }
    template <class Ready> void wait(std::unique_lock<explored_mutex>& lock, Ready ready) {
        while (!ready())
            wait(lock);
    }
    /// False when the time has come.
    template <class Time> bool wait_until(std::unique_lock<explored_mutex>& lock, const Time&) {
        return wait(lock, true);
    }
    template <class Time, class Ready>
    bool wait_until(std::unique_lock<explored_mutex>& lock, const Time& time, Ready ready) {
        while (!ready())
            if (!wait_until(lock, time))
                return ready();
        return true;
    }

  private:
    bool wait(std::unique_lock<explored_mutex>& lock, bool is_timed) {
        explored_mutex& mutex = *lock.mutex();
        return explorer::running()->wait(number_, this, mutex.number_, &mutex, is_timed);
    }

    std::uint32_t number_ = 0;
};

/// Made of the others. Who releases is gone when whoever waits has it.
class explored_semaphore {
  public:
    void release() noexcept {
        const std::lock_guard lock{mutex_};
        ++count_;
        changed_.notify_one();
    }
    void acquire() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return count_ != 0; });
        --count_;
    }
    template <class Time> bool try_acquire_until(const Time& time) {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_until(lock, time, [this] { return count_ != 0; }))
            return false;
        --count_;
        return true;
    }

  private:
    explored_mutex mutex_;
    explored_condition_variable changed_;
    int count_ = 0; // guarded by mutex_
};

/// The synchronisation policy that is explored.
struct explored_sync {
    template <class T> using atomic = explored_atomic<T>;
    template <class T> using plain = tests::plain<T>;
    using mutex = explored_mutex;
    using brief_mutex = explored_mutex;
    using condition_variable = explored_condition_variable;
    using semaphore = explored_semaphore;
};

} // namespace tests

#endif
