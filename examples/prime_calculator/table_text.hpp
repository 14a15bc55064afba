// SPDX-License-Identifier: BSL-1.0
//
// The table as lines of text. Decides which columns fit a width, and which rows fit a height.
#ifndef PRIME_CALCULATOR_TABLE_TEXT_HPP
#define PRIME_CALCULATOR_TABLE_TEXT_HPP

#include "task_table.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace primes {

/// Lays out rows of the table in columns.
class table_text {
  public:
    /// Every column, and in each row how often its task reported. No bars.
    explicit table_text(std::span<const task_row> rows) {
        for (const task_row& row : rows) {
            const std::size_t digits = std::to_string(row.test_number).size();
            widen(test_number, digits);
            widen(current, digits); // what runs still grows: room at once, so that no column moves meanwhile
            widen(task_id, row.task_id.size());
            widen(reports, std::to_string(row.reports).size());
        }
        widen(progress, std::string_view{"Not Started"}.size());
        widen(result, std::string_view{"Composite"}.size());
    }

    /// The six columns of the form, as far as they fit into `width`; where there is room, a progress bar.
    table_text fitted(std::size_t width) const {
        table_text layout = *this;
        layout.limit_ = width;
        layout.columns_[reports].shown = false;
        for (const column_name victim : {task_id, divisor, current, progress})
            if (layout.width() > width)
                layout.columns_[victim].shown = false;
        if (layout.columns_[progress].shown)
            layout.columns_[progress].width += std::min(longest_bar, width - std::min(width, layout.width()));
        return layout;
    }

    std::size_t width() const noexcept {
        std::size_t sum = 0;
        for (const column& c : columns_)
            sum += c.shown ? c.width + gap : 0;
        return sum - gap;
    }

    std::string heading() const {
        return line([](const column& c) { return std::string{c.title}; });
    }
    std::string row(const task_row& task) const {
        return line([&](const column& c) {
            return c.text == progress_text ? with_bar(task, c.width) : c.text(task);
        });
    }

  private:
    enum column_name : std::size_t { test_number, progress, current, task_id, result, divisor, reports };

    struct column {
        std::string_view title;
        std::string (*text)(const task_row&);
        bool is_number;
        bool shown = true;
        std::size_t width = title.size();
    };

    static constexpr std::size_t gap = 2;
    static constexpr std::size_t longest_bar = 32;
    static constexpr std::size_t shortest_bar = 4; // beside the brackets

    void widen(column_name which, std::size_t width) noexcept {
        columns_[which].width = std::max(columns_[which].width, width);
    }

    template <class Text> std::string line(Text text_of) const {
        std::string line;
        for (const column& c : columns_) {
            if (!c.shown)
                continue;
            const std::string text = text_of(c);
            const std::string padding(c.width - std::min(c.width, text.size()), ' ');
            line += c.is_number ? padding + text : text + padding;
            line.append(gap, ' ');
        }
        line.resize(std::min(line.find_last_not_of(' ') + 1, limit_));
        return line;
    }

    static std::string with_bar(const task_row& task, std::size_t width) {
        std::string text = progress_text(task);
        constexpr std::size_t beside = std::string_view{"[] 100 %"}.size();
        if (task.reports == 0 || width < beside + shortest_bar)
            return text;
        const std::size_t length = width - beside;
        const std::size_t done = length * static_cast<std::size_t>(task.percentage) / 100;
        std::string bar = "[" + std::string(done, '#') + std::string(length - done, '.') + "]";
        return bar + std::string(width - bar.size() - text.size(), ' ') + text;
    }

    column columns_[7] = {
        {"Test Number", [](const task_row& r) { return std::to_string(r.test_number); }, true},
        {"Progress", progress_text, false},
        {"Current", [](const task_row& r) { return std::to_string(r.current); }, true},
        {"Task ID", [](const task_row& r) { return r.task_id; }, false},
        {"Result", [](const task_row& r) { return result_text(r.state); }, false},
        {"First Divisor", first_divisor_text, true},
        {"Reports", [](const task_row& r) { return std::to_string(r.reports); }, true},
    };
    std::size_t limit_ = std::numeric_limits<std::size_t>::max();
};

/// The rows that a display of `height` rows shows, in their order: all if there is room, else those that run,
/// then those that wait, then the last of those that have ended.
inline std::vector<const task_row*> most_telling(std::span<const task_row> rows, std::size_t height) {
    std::vector<const task_row*> result;
    const auto take = [&](auto row, auto end, auto wanted) {
        for (; row != end && result.size() < height; ++row)
            if (wanted(*row))
                result.push_back(&*row);
    };
    take(rows.begin(), rows.end(), [](const task_row& r) { return r.state == task_state::running; });
    take(rows.begin(), rows.end(), [](const task_row& r) { return r.state == task_state::not_started; });
    take(rows.rbegin(), rows.rend(), [](const task_row& r) { return r.ended(); });
    std::ranges::sort(result);
    return result;
}

} // namespace primes

#endif
