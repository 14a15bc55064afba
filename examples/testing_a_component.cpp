// SPDX-License-Identifier: BSL-1.0
//
// The lab finds a mistake that a usual test does not, shows it again, and proves that it is gone.
#include <eap/delegate.hpp>
#include <eap/testing/exploration.hpp>

#include <atomic>
#include <functional>
#include <iostream>
#include <utility>

//! [component]
/// Squares numbers on the pool, and tells their sum when the last one is in.
class adding_up {
  public:
    explicit adding_up(std::function<void(int)> all_in) : all_in_(std::move(all_in)) {}

    void add(int number) {
        ++pending_;
        square_.begin_invoke(number, [this](const auto& call) {
            sum_ += call.end_invoke();
            if (--pending_ == 0) // the mistake: the last one so far
                all_in_(sum_);
        });
    }

  private:
    const eap::delegate<int(int)> square_ = [](int n) { return n * n; };
    const std::function<void(int)> all_in_;
    std::atomic<int> pending_{0};
    std::atomic<int> sum_{0};
};
//! [component]

/// The same without it: what is still to be added counts, too.
class adding_up_to_the_end {
  public:
    explicit adding_up_to_the_end(std::function<void(int)> all_in) : all_in_(std::move(all_in)) {}

    void add(int number) {
        ++pending_;
        square_.begin_invoke(number, [this](const auto& call) {
            sum_ += call.end_invoke();
            one_less();
        });
    }
    void no_more() { one_less(); }

  private:
    void one_less() {
        if (--pending_ == 0)
            all_in_(sum_);
    }

    const eap::delegate<int(int)> square_ = [](int n) { return n * n; };
    const std::function<void(int)> all_in_;
    std::atomic<int> pending_{1};
    std::atomic<int> sum_{0};
};

//! [test]
void three_and_four() {
    int told = 0;
    adding_up sum{[&told](int total) {
        ++told;
        eap::testing::check(total == 25, "told a sum that is not the whole");
    }};
    sum.add(3);
    sum.add(4);
    eap::testing::settle(); // until nothing moves any more
    eap::testing::check(told == 1, "told once");
}
//! [test]

void three_and_four_to_the_end() {
    int told = 0;
    adding_up_to_the_end sum{[&told](int total) {
        ++told;
        eap::testing::check(total == 25, "told a sum that is not the whole");
    }};
    sum.add(3);
    sum.add(4);
    sum.no_more();
    eap::testing::settle();
    eap::testing::check(told == 1, "told once");
}

int main() {
    using namespace eap::testing;

    //! [find]
    const exploration usual = explore(in_order{}, three_and_four);
    std::cout << "as a usual test: " << usual << "\n\n";

    const exploration all = explore(every_order{.preemptions = 1}, three_and_four);
    std::cout << "in every order: " << all << "\n\n";
    //! [find]
    if (!usual || all)
        return 1;

    //! [replay]
    const exploration again = explore(replay{all.found->schedule}, three_and_four);
    //! [replay]
    if (again || again.runs != 1 || again.found->what != all.found->what)
        return 1;

    //! [mended]
    const exploration mended = explore(every_order{.preemptions = 2}, three_and_four_to_the_end);
    std::cout << "mended: " << mended << '\n';
    //! [mended]
    return mended && mended.is_exhausted ? 0 : 1;
}
