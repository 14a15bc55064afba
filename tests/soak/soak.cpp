// SPDX-License-Identifier: BSL-1.0
//
// Very many operations: all at once, and one after the other on every kind of home, which come and go meanwhile. Nothing may
// be lost, come twice, out of order or late, and the memory stays what it is.
//
// soak [--pending N] [--operations N] [--seed N]; prints a line for each figure, and exits with the verdict.
#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/contexts/asio_context.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "eap/tracked.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <malloc.h>
#include <unistd.h>
#endif

using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// ---- what is counted ----

#ifdef __has_feature
#define EAP_SOAK_HAS_FEATURE(name) __has_feature(name)
#else
#define EAP_SOAK_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                                         \
    EAP_SOAK_HAS_FEATURE(address_sanitizer) || EAP_SOAK_HAS_FEATURE(thread_sanitizer)
constexpr bool memory_is_our_own = false; // a sanitizer keeps what was freed, and notes about all the rest
#else
constexpr bool memory_is_our_own = true;
#endif

/// Of the whole process, in bytes; 0 where it cannot be asked for.
std::size_t resident_memory() {
#ifdef __linux__
    std::ifstream in{"/proc/self/statm"};
    std::size_t pages = 0;
    std::size_t resident = 0;
    in >> pages >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
#else
    return 0;
#endif
}

/// Allocated and not freed, in bytes; 0 where it cannot be asked for.
std::size_t allocated_memory() {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const auto all = mallinfo2();
    return all.uordblks + all.hblkhd;
#else
    return 0;
#endif
}

bool all_well = true;

void tell(std::string_view name, const std::string& figure) {
    std::cout << name << ": " << figure << std::endl;
}
void expect(std::string_view name, std::uint64_t figure, std::uint64_t expected) {
    const bool holds = figure == expected;
    tell(name, std::to_string(figure) + (holds ? "" : ", and should be " + std::to_string(expected)));
    all_well = all_well && holds;
}

using stopwatch = std::chrono::steady_clock;
std::string seconds_since(stopwatch::time_point begin) {
    return std::to_string(
               std::chrono::duration_cast<std::chrono::milliseconds>(stopwatch::now() - begin).count()) +
           " ms";
}

/// Counts its objects.
struct counted {
    static inline std::atomic<std::int64_t> alive{0};
    counted() noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
    counted(const counted&) noexcept : counted() {}
    counted& operator=(const counted&) = default;
    ~counted() { alive.fetch_sub(1, std::memory_order_relaxed); }
};

// ---- many at once ----

void many_pending(std::size_t count, bool with_ids) {
    const auto begin = stopwatch::now();
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::size_t completed = 0; // all on this thread
    std::vector<eap::async_operation<int>> operations;
    operations.reserve(count);
    const std::size_t before = allocated_memory();
    for (std::size_t i = 0; i < count; ++i)
        operations.push_back(
            manager.create_operation<int>(with_ids ? eap::user_state{i} : eap::user_state{},
                                          [&completed](const eap::completed_event_args<int>& outcome) {
                                              completed += outcome.result() == 1 ? 1 : 0;
                                          }));
    const std::size_t after = allocated_memory();
    const std::string name = with_ids ? "pending at once, each with an id" : "pending at once";
    expect(name, manager.pending(), count);
    if (after > before && count != 0) // a handle, in the vector, is a pointer more
        tell(name + ", bytes for each", std::to_string((after - before) / count));

    constexpr std::size_t threads = 2;
    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < threads; ++t)
        workers.emplace_back([&operations, t] {
            for (std::size_t i = t; i < operations.size(); i += threads)
                operations[i].complete(1);
        });
    loop.run();
    for (auto& each : workers)
        each.join();
    loop.run();
    expect(name + ", completed", completed, count);
    tell(name + ", time", seconds_since(begin));
}

// ---- homes that come and go ----

/// Runs what is posted in its post.
struct inside_post {
    template <class F> void post(F function) const { function(); }
    bool operator==(const inside_post&) const = default;
};

/// A context, its owner and its threads. Ends whatever is queued.
class place {
  public:
    place() = default;
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    virtual ~place() = default;
    virtual eap::any_synchronization_context context() = 0;
};

class on_event_loop final : public place {
  public:
    on_event_loop() {
        loop_.context().operation_started(); // so that it runs until it is closed
        thread_ = std::thread{[this] { loop_.run(); }};
    }
    ~on_event_loop() override {
        loop_.close();
        thread_.join();
        loop_.context().operation_completed();
    }
    eap::any_synchronization_context context() override { return loop_.context(); }

  private:
    eap::event_loop loop_;
    std::thread thread_;
};

class on_pool final : public place {
  public:
    eap::any_synchronization_context context() override { return pool_.context(); }

  private:
    eap::thread_pool pool_{2};
};

enum class kind : unsigned char { plain, strand, erased };

class on_io_context final : public place {
  public:
    explicit on_io_context(kind which) : kind_(which) {}
    ~on_io_context() override {
        io_.stop();
        thread_.join();
    }
    eap::any_synchronization_context context() override {
        if (kind_ == kind::strand)
            return eap::asio_context{asio::make_strand(io_)};
        if (kind_ == kind::erased)
            return eap::asio_context{asio::any_io_executor{io_.get_executor()}};
        return eap::asio_context{io_};
    }

  private:
    const kind kind_;
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> stays_{io_.get_executor()};
    std::thread thread_{[this] { io_.run(); }};
};

class on_asio_pool final : public place {
  public:
    explicit on_asio_pool(kind which) : kind_(which) {}
    ~on_asio_pool() override {
        pool_.stop();
        pool_.join();
    }
    eap::any_synchronization_context context() override {
        if (kind_ == kind::strand)
            return eap::asio_context{asio::make_strand(pool_)};
        if (kind_ == kind::erased)
            return eap::asio_context{asio::any_io_executor{asio::make_strand(pool_)}};
        return eap::asio_context{pool_};
    }

  private:
    const kind kind_;
    asio::thread_pool pool_{2};
};

class nowhere_else final : public place {
  public:
    eap::any_synchronization_context context() override { return inside_post{}; }
};

constexpr std::size_t kinds_of_places = 9;
std::unique_ptr<place> make_place(std::size_t which) {
    switch (which) {
    case 0:
        return std::make_unique<on_event_loop>();
    case 1:
        return std::make_unique<on_pool>();
    case 2:
    case 3:
    case 4:
        return std::make_unique<on_io_context>(static_cast<kind>(which - 2));
    case 5:
    case 6:
    case 7:
        return std::make_unique<on_asio_pool>(static_cast<kind>(which - 5));
    default:
        return std::make_unique<nowhere_else>();
    }
}

// ---- one operation after the other ----

struct value : counted {
    explicit value(int n) : number(n) {
        if (n < 0)
            throw std::runtime_error{"a value that cannot be made"};
    }
    int number;
};
struct report : counted {
    report(std::size_t by, int n) noexcept : sender(by), number(n) {}
    std::size_t sender;
    int number;
};
using operation = eap::async_operation<value, report>;

/// What is wrong, of all operations together.
struct totals {
    std::atomic<std::uint64_t> started{0}, refused{0}, delivered{0}, undelivered{0};
    std::atomic<std::uint64_t> lost{0}, duplicated{0}, reordered{0}, late{0}, overlapped{0},
        missing_reports{0}, two_winners{0}, another_outcome{0};
    std::array<std::atomic<std::uint64_t>, 5> outcomes{}; // by `ending`
};

enum class ending : unsigned char { value, error, cancelled, timed_out, abandoned };
constexpr std::array ending_words{"values", "errors", "cancelled", "timed out", "abandoned"};

ending ending_of(const std::exception_ptr& error, bool cancelled) {
    if (error == nullptr)
        return cancelled ? ending::cancelled : ending::value;
    try {
        std::rethrow_exception(error);
    } catch (const eap::operation_timed_out&) {
        return ending::timed_out;
    } catch (const eap::operation_abandoned&) {
        return ending::abandoned;
    } catch (...) {
        return ending::error;
    }
}

/// Tells a worker that all of a batch have come to their end.
class countdown {
  public:
    void add(int more) {
        const std::lock_guard lock{mutex_};
        left_ += more;
    }
    void done() {
        const std::lock_guard lock{mutex_};
        if (--left_ == 0)
            changed_.notify_all();
    }
    /// What is left when it has taken so long that nothing more can be expected.
    int wait() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, 120s, [this] { return left_ <= 0; });
        return left_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int left_ = 0; // guarded by mutex_
};

/// What becomes of one operation. Kept for the next one, which is another generation.
struct story {
    std::atomic<std::uint32_t> generation{0};
    std::atomic<int> ends{0};
    std::atomic<int> inside{0};
    std::atomic<int> accepted{0};
    std::atomic<int> wins{0};
    std::atomic<ending> won{ending::value};
    // the handlers', which never overlap; looked at when the operation has ended
    std::array<int, 2> heard_last{-1, -1};
    int heard = 0;
    std::optional<ending> told;
    bool is_delivered = false;
    // the worker's
    bool keeps_every = true;
    bool is_started = false;

    void begin() {
        generation.fetch_add(1, std::memory_order_relaxed);
        ends = 0;
        accepted = 0;
        wins = 0;
        heard_last = {-1, -1};
        heard = 0;
        told.reset();
        is_delivered = false;
        keeps_every = true;
        is_started = false;
    }
};

/// The id of an operation: which story is its own.
struct key {
    std::uint64_t number;
    story* of;
    bool operator==(const key& other) const noexcept { return number == other.number; }
};

} // namespace

template <> struct std::hash<key> {
    std::size_t operator()(const key& which) const noexcept {
        return std::hash<std::uint64_t>{}(which.number);
    }
};

namespace {

class mix {
  public:
    mix(std::uint64_t operations, std::uint64_t seed) : operations_(operations), seed_(seed) {
        for (std::size_t i = 0; i < places_.size(); ++i)
            places_[i].now = make(i);
    }

    void run() {
        const auto begin = stopwatch::now();
        std::vector<std::thread> workers;
        for (std::uint64_t t = 0; t < threads; ++t)
            workers.emplace_back([this, t] { work(t); });
        const std::uint64_t renewals = renew_places();
        for (auto& each : workers)
            each.join();
        const std::size_t at_end = resident_memory();
        for (auto& each : places_)
            each.now.reset();

        tell("mixed, operations", std::to_string(totals_.started) + " on " + std::to_string(kinds_of_places) +
                                      " kinds of homes, " + std::to_string(renewals) +
                                      " of which ended meanwhile");
        for (std::size_t i = 0; i < ending_words.size(); ++i)
            tell(std::string{"mixed, "} + ending_words[i], std::to_string(totals_.outcomes[i]));
        tell("mixed, delivered", std::to_string(totals_.delivered));
        tell("mixed, undelivered", std::to_string(totals_.undelivered));
        tell("mixed, refused by a home that was ending", std::to_string(totals_.refused));
        expect("mixed, lost", totals_.lost, 0);
        expect("mixed, duplicated", totals_.duplicated, 0);
        expect("mixed, reordered", totals_.reordered, 0);
        expect("mixed, late", totals_.late, 0);
        expect("mixed, overlapping handlers", totals_.overlapped, 0);
        expect("mixed, accepted reports that are missing", totals_.missing_reports, 0);
        expect("mixed, operations with two winners", totals_.two_winners, 0);
        expect("mixed, outcomes that are not the winner's", totals_.another_outcome, 0);
        expect("mixed, started and refused", totals_.started + totals_.refused, operations_);
        expect("mixed, values and handlers alive", static_cast<std::uint64_t>(counted::alive.load()), 0);
        tell_memory(at_end);
        tell("mixed, time", seconds_since(begin));
    }

  private:
    static constexpr std::uint64_t threads = 8;
    static constexpr std::size_t batch = 64;
    static constexpr std::uint64_t operations_for_each_renewal = 2'000;

    /// A home, and the manager of what comes home to it.
    struct site {
        std::unique_ptr<place> where;                    // first: it goes last, so that
        std::unique_ptr<eap::operation_manager> manager; // operations end in both orders
        bool home_goes_first = false;

        site() = default;
        site(const site&) = delete;
        site& operator=(const site&) = delete;
        ~site() {
            if (home_goes_first)
                where.reset();
        }
    };
    struct address {
        std::mutex mutex;
        std::shared_ptr<site> now; // guarded by mutex, while there are workers
    };
    struct receiver : counted {};

    std::shared_ptr<site> make(std::size_t which) {
        auto made = std::make_shared<site>();
        made->where = make_place(which);
        made->manager = std::make_unique<eap::operation_manager>(made->where->context());
        made->manager->on_undelivered([this](const eap::undelivered& what) { hear(what); });
        return made;
    }

    /// Until all is done, lets homes end under way. How many that were.
    std::uint64_t renew_places() {
        std::mt19937_64 random{seed_};
        std::uint64_t renewals = 0;
        for (std::uint64_t done = done_; done < operations_; done = done_) {
            if (at_half_ == 0 && done >= operations_ / 2)
                at_half_ = resident_memory();
            if (done < (renewals + 1) * operations_for_each_renewal) {
                done_.wait(done);
                continue;
            }
            const std::size_t which = static_cast<std::size_t>(random() % kinds_of_places);
            auto next = make(which);
            address& at = places_[which];
            {
                const std::lock_guard lock{at.mutex};
                at.now.swap(next);
            }
            next->home_goes_first = random() % 2 == 0; // a worker that still has it does not look at this
            next.reset();
            ++renewals;
        }
        return renewals;
    }

    void tell_memory(std::size_t at_end) const {
        if (at_half_ == 0 || !memory_is_our_own)
            return;
        tell("mixed, resident memory at one half", std::to_string(at_half_ / 1024) + " KiB");
        tell("mixed, resident memory at the end", std::to_string(at_end / 1024) + " KiB");
        constexpr std::size_t slack = 2 * 1024 * 1024;
        if (at_end > at_half_ + at_half_ / 10 + slack) {
            tell("mixed, resident memory", "has grown by more than a tenth and 2 MiB");
            all_well = false;
        }
    }

    // ---- what is heard ----

    struct visit { // of a handler
        visit(story& s, totals& t) noexcept : of(s) {
            if (of.inside.fetch_add(1) != 0)
                ++t.overlapped;
        }
        visit(const visit&) = delete;
        visit& operator=(const visit&) = delete;
        ~visit() { of.inside.fetch_sub(1); }
        story& of;
    };

    /// Knows its operation, and is counted down when it is destroyed: at the very end of that.
    struct completed {
        completed(mix& m, story& s, countdown& c) noexcept
            : all(&m), of(&s), generation(s.generation), batch_of(&c) {}
        completed(completed&& other) noexcept
            : all(other.all), of(other.of), generation(other.generation),
              batch_of(std::exchange(other.batch_of, nullptr)) {}
        completed& operator=(completed&&) = delete;
        ~completed() {
            if (batch_of != nullptr)
                batch_of->done();
        }
        void operator()(const eap::completed_event_args<value>& outcome) const {
            all->hear(*of, generation, outcome);
        }
        mix* all;
        story* of;
        std::uint32_t generation;
        countdown* batch_of; // null after a move
        counted held{};
    };
    struct progress {
        void operator()(const eap::progress_changed_event_args<report>& what) const {
            all->hear(*of, generation, what);
        }
        mix* all;
        story* of;
        std::uint32_t generation;
        counted held{};
    };

    bool is_late(const story& of, std::uint32_t generation) {
        const bool late = of.generation != generation;
        totals_.late += late ? 1 : 0;
        return late;
    }
    void hear(story& of, std::uint32_t generation, const eap::completed_event_args<value>& outcome) {
        if (is_late(of, generation))
            return;
        const visit here{of, totals_};
        of.told = ending_of(outcome.error(), outcome.cancelled());
        of.is_delivered = true;
        if (of.ends.fetch_add(1) != 0)
            ++totals_.duplicated;
    }
    void hear(story& of, std::uint32_t generation, const eap::progress_changed_event_args<report>& what) {
        if (is_late(of, generation))
            return;
        const visit here{of, totals_};
        if (of.ends != 0)
            ++totals_.late;
        int& last = of.heard_last.at(what.value().sender);
        if (what.value().number <= last)
            ++totals_.reordered;
        last = what.value().number;
        ++of.heard;
    }
    void hear(const eap::undelivered& what) {
        story& of = *what.user_state.get<key>().of;
        of.told = ending_of(what.error, what.cancelled);
        if (of.ends.fetch_add(1) != 0)
            ++totals_.duplicated;
    }

    // ---- what is done ----

    void work(std::uint64_t me) {
        std::mt19937_64 random{seed_ * 1000 + me};
        std::vector<story> stories(batch);
        const std::uint64_t mine = operations_ / threads + (me < operations_ % threads ? 1 : 0);
        for (std::uint64_t done = 0; done < mine;) {
            const std::size_t some = static_cast<std::size_t>(std::min<std::uint64_t>(batch, mine - done));
            run_batch(std::span{stories}.first(some), random, me);
            done += some;
            done_ += some;
            done_.notify_all();
        }
    }

    void run_batch(std::span<story> stories, std::mt19937_64& random, std::uint64_t me) {
        countdown ends;
        ends.add(1); // this thread's own
        std::vector<std::shared_ptr<operation>> kept;
        for (story& each : stories) {
            each.begin();
            play(each, ends, random, me, kept);
        }
        kept.clear(); // what has no end yet is abandoned, unless its deadline was first
        ends.done();
        if (const int left = ends.wait(); left > 0) {
            totals_.lost += static_cast<std::uint64_t>(left);
            tell("mixed", "operations are lost; there is no sense in going on");
            std::_Exit(EXIT_FAILURE); // what they refer to must stay
        }
        for (const story& each : stories)
            judge(each);
    }

    void play(story& of, countdown& ends, std::mt19937_64& random, std::uint64_t me,
              std::vector<std::shared_ptr<operation>>& kept) {
        const auto one_in = [&random](std::uint64_t n) { return random() % n == 0; };
        const std::size_t which = static_cast<std::size_t>(random() % kinds_of_places);
        const std::shared_ptr<site> at = [&] {
            const std::lock_guard lock{places_[which].mutex};
            return places_[which].now;
        }();
        const key id{random() << 3U | me, &of}; // of one thread, so that none is pending twice but by chance
        eap::operation_options options;
        if (one_in(4))
            options.timeout = std::chrono::microseconds{static_cast<int>(random() % 200)};
        if (one_in(4))
            options.progress =
                one_in(2) ? eap::progress_delivery::latest() : eap::progress_delivery::at_most_every(20us);
        of.keeps_every = options.progress.keeps_every();
        auto owner = one_in(4) ? std::make_shared<receiver>() : nullptr;
        std::shared_ptr<operation> op;
        ends.add(1); // the handler's, from when it is made
        try {
            completed told{*this, of, ends};
            progress shown{this, &of, of.generation};
            op = std::make_shared<operation>(owner != nullptr
                                                 ? at->manager->create_operation<value, report>(
                                                       id, eap::tracked(owner, std::move(told)),
                                                       eap::tracked(owner, std::move(shown)), options)
                                                 : at->manager->create_operation<value, report>(
                                                       id, std::move(told), std::move(shown), options));
        } catch (const eap::context_closed&) {
            ++totals_.refused;
            return;
        }
        of.is_started = true;
        ++totals_.started;

        if (one_in(3)) { // somebody helps, and races
            ends.add(1);
            help(op, of, ends, static_cast<int>(random() % 4));
        }
        for (int i = 0, reports = static_cast<int>(random() % 4); i < reports; ++i)
            send(*op, of, 0, i);
        if (one_in(8))
            at->manager->cancel(id);
        if (one_in(256))
            at->manager->cancel_all();
        if (one_in(2))
            owner.reset();
        if (one_in(3))
            kept.push_back(std::move(op)); // its end is a matter of time
        else if (!one_in(4))
            end(*op, of, static_cast<int>(random() % 4));
    } // else it is let go

    static void send(const operation& op, story& of, std::size_t sender, int number) {
        of.accepted += op.reporter().report_progress(number, report{sender, number}) ? 1 : 0;
    }
    static void end(operation& op, story& of, int how) {
        try {
            bool won = false;
            auto as = ending::value;
            if (how == 0) {
                as = ending::error;
                won = op.complete_error(std::runtime_error{"soak"});
            } else if (how == 1 && op.cancellation_pending()) {
                as = ending::cancelled;
                won = op.complete_cancelled();
            } else if (how == 2) {
                as = ending::error;
                won = op.complete(-1);
            } else {
                won = op.complete(1);
            }
            if (won) {
                ++of.wins;
                of.won = as;
            }
        } catch (const eap::invalid_operation&) { // the other one has ended it
        }
    }

    /// On a pool of the process: a few reports, and an end or none.
    void help(const std::shared_ptr<operation>& op, story& of, countdown& ends, int how) {
        helpers_.context().post([mine = op, &of, &ends, how]() mutable {
            for (int i = 0; i < how; ++i)
                send(*mine, of, 1, i);
            if (how != 3)
                end(*mine, of, how);
            mine.reset();
            ends.done();
        });
    }

    void judge(const story& each) {
        if (!each.is_started) {
            if (each.ends != 0)
                ++totals_.duplicated;
            return;
        }
        if (each.ends == 0)
            ++totals_.lost;
        if (each.wins > 1)
            ++totals_.two_winners;
        if (each.wins == 1 && each.told.has_value() && *each.told != each.won)
            ++totals_.another_outcome;
        if (each.heard > each.accepted ||
            (each.is_delivered && each.keeps_every && each.heard != each.accepted))
            ++totals_.missing_reports;
        ++(each.is_delivered ? totals_.delivered : totals_.undelivered);
        if (each.told.has_value())
            ++totals_.outcomes.at(static_cast<std::size_t>(*each.told));
    }

    const std::uint64_t operations_;
    const std::uint64_t seed_;
    totals totals_;
    std::array<address, kinds_of_places> places_;
    std::atomic<std::uint64_t> done_{0};
    std::size_t at_half_ = 0;
    eap::thread_pool helpers_{2}; // first to go
};

// ---- the arguments ----

[[noreturn]] void refuse(std::string_view what) {
    std::cerr << "soak: " << what << "\nusage: soak [--pending N] [--operations N] [--seed N]\n";
    std::exit(2); // NOLINT: there are no threads yet
}

} // namespace

int main(int count, char** arguments) {
    std::uint64_t pending = 20'000;
    std::uint64_t operations = 200'000;
    std::uint64_t seed = 1;
    const std::vector<std::string_view> given(arguments + 1, arguments + count);
    for (std::size_t i = 0; i < given.size(); i += 2) {
        std::uint64_t* const into = given[i] == "--pending"      ? &pending
                                    : given[i] == "--operations" ? &operations
                                    : given[i] == "--seed"       ? &seed
                                                                 : nullptr;
        if (into == nullptr)
            refuse("unknown argument " + std::string{given[i]});
        if (i + 1 == given.size())
            refuse(std::string{given[i]} + " wants a number");
        const std::string_view number = given[i + 1];
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), *into);
        if (error != std::errc{} || end != number.data() + number.size())
            refuse(std::string{number} + " is no number");
    }
    many_pending(static_cast<std::size_t>(pending), false);
    many_pending(static_cast<std::size_t>(pending), true);
    mix{operations, seed}.run();
    tell("verdict", all_well ? "all well" : "something is wrong");
    return all_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
