// SPDX-License-Identifier: BSL-1.0
//
// Shows the table while it changes: in place on a terminal, elsewhere a line for each task that ends. Decides
// when to draw; everything here belongs to the main thread.
#ifndef PRIME_CALCULATOR_TASK_DISPLAY_HPP
#define PRIME_CALCULATOR_TASK_DISPLAY_HPP

#include "table_text.hpp"
#include "task_table.hpp"

#include "eap/any_synchronization_context.hpp"
#include "eap/timer.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

namespace primes {

/// Lifetime      outlives the home that it is given.
class task_display {
  public:
    task_display(const task_table& table, eap::any_synchronization_context home)
        : table_(table), home_(std::move(home)), is_live_(is_terminal()) {}

    /// Some row has changed. However often this is called, drawing takes little of the time.
    //! [throttled]
    void changed() {
        if (!is_live_ || std::exchange(is_drawing_soon_, true))
            return;
        eap::post_after(home_, std::chrono::milliseconds{40}, [this] {
            is_drawing_soon_ = false;
            draw();
        });
    }
    //! [throttled]

    void ended(const task_row& row) {
        changed();
        if (!is_live_)
            std::cout << row.task_id << ": " << sentence(row) << '\n' << std::flush;
    }

    /// All have ended: the whole table, to stay.
    void finish() {
        std::string text = is_live_ ? back_to_top() + "\x1b[J" : "\n";
        table_text layout{table_.rows()};
        if (is_live_ && layout.width() > terminal_size().width)
            layout = layout.fitted(terminal_size().width);
        text += layout.heading() + '\n';
        for (const task_row& row : table_.rows())
            text += coloured(row, layout.row(row)) + '\n';
        show(text);
    }

  private:
    struct size {
        std::size_t width = 80;
        std::size_t height = 24;
    };

    static std::string sentence(const task_row& row) {
        const std::string tested = std::to_string(row.test_number);
        switch (row.state) {
        case task_state::prime:
            return tested + " is prime";
        case task_state::composite:
            return tested + " is composite, its first divisor is " + std::to_string(row.first_divisor);
        case task_state::not_prime:
            return tested + " is not prime";
        case task_state::failed:
            return tested + " ended with an error: " + row.error;
        case task_state::canceled:
            return tested + " was canceled";
        case task_state::timed_out:
            return tested + " timed out";
        case task_state::not_started:
        case task_state::running:
            break;
        }
        return tested + " is being tested";
    }

    void draw() {
        const size terminal = terminal_size();
        const std::size_t width = terminal.width - 1; // the last column wraps on some terminals
        std::string frame = back_to_top();
        if (std::exchange(drawn_width_, terminal.width) != terminal.width)
            frame += "\x1b[J"; // what was wrapped would stay so
        drawn_.clear();
        const auto add = [&](const std::string& line, const std::string& with_colour) {
            frame += with_colour + "\x1b[K\n";
            drawn_.push_back(line.size());
        };

        constexpr std::size_t around = 3; // heading, summary, and the cursor's row
        const std::size_t room = terminal.height - std::min(around, terminal.height);
        if (!layout_)
            layout_.emplace(table_.rows());
        const table_text layout = layout_->fitted(width);
        if (room > 0)
            add(layout.heading(), layout.heading());
        const auto shown = most_telling(table_.rows(), room);
        for (const task_row* const row : shown)
            add(layout.row(*row), coloured(*row, layout.row(*row)));
        const std::string last = summary(shown.size()).substr(0, width);
        add(last, last);
        show(frame + "\x1b[J");
    }

    std::string summary(std::size_t shown) const {
        const auto& rows = table_.rows();
        const auto ended = std::ranges::count_if(rows, &task_row::ended);
        const auto running = std::ranges::count(rows, task_state::running, &task_row::state);
        std::string text = std::to_string(ended) + " of " + std::to_string(rows.size()) + " ended, " +
                           std::to_string(running) + " running";
        if (shown < rows.size())
            text += "; " + std::to_string(rows.size() - shown) + " not shown";
        return text;
    }

    /// Moves the cursor to where the last frame began. A terminal that has become narrower has wrapped lines.
    std::string back_to_top() const {
        const size terminal = terminal_size();
        std::size_t up = 0;
        for (const std::size_t length : drawn_)
            up += length == 0 ? 1 : (length + terminal.width - 1) / terminal.width;
        up = std::min(up, terminal.height - 1);
        return up > 0 ? "\r\x1b[" + std::to_string(up) + "A" : "\r";
    }

    /// The colours of the form.
    std::string coloured(const task_row& row, const std::string& line) const {
        static const bool wanted = is_live_ && std::getenv("NO_COLOR") == nullptr;
        const char* colour = nullptr;
        if (row.state == task_state::canceled)
            colour = "\x1b[30;48;5;218m"; // pink
        else if (row.state == task_state::failed || row.state == task_state::timed_out)
            colour = "\x1b[97;41m"; // white on red
        else if (row.ended())
            colour = "\x1b[30;48;5;252m"; // light grey
        return wanted && colour != nullptr ? colour + line + "\x1b[0m" : line;
    }

    static bool is_terminal() {
        const char* const type = std::getenv("TERM");
        return ::isatty(STDOUT_FILENO) == 1 && type != nullptr && std::string_view{type} != "dumb";
    }
    static size terminal_size() {
        winsize known{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &known) != 0 || known.ws_col == 0 || known.ws_row == 0)
            return {};
        return {.width = known.ws_col, .height = known.ws_row};
    }
    static void show(const std::string& text) { std::cout << text << std::flush; }

    const task_table& table_;
    const eap::any_synchronization_context home_;
    const bool is_live_;
    bool is_drawing_soon_ = false;
    std::optional<table_text> layout_; // made when the table is complete, at the first frame
    std::size_t drawn_width_ = 0;
    std::vector<std::size_t> drawn_; // the length of each line of the last frame
};

} // namespace primes

#endif
