// SPDX-License-Identifier: BSL-1.0
//
// The list of tasks: six columns, a bar for the progress, a colour for how it ended. Knows nothing about how tasks run.
#ifndef QT_PRIME_CALCULATOR_TASK_LIST_HPP
#define QT_PRIME_CALCULATOR_TASK_LIST_HPP

#include "../prime_calculator/primality.hpp"

#include <QApplication>
#include <QColor>
#include <QHeaderView>
#include <QPainter>
#include <QString>
#include <QStyle>
#include <QStyleOptionProgressBar>
#include <QStyledItemDelegate>
#include <QTreeWidget>
#include <QTreeWidgetItem>

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace primes {

/// Draws the percentage of a task that runs as a bar.
class progress_bar_delegate final : public QStyledItemDelegate {
  public:
    static constexpr int percentage_role = Qt::UserRole;

    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& cell, const QModelIndex& at) const override {
        const QVariant percentage = at.data(percentage_role);
        QStyledItemDelegate::paint(painter, cell, at);
        if (!percentage.isValid())
            return;
        QStyleOptionProgressBar bar;
        bar.rect = cell.rect.adjusted(3, 3, -3, -3);
        bar.state = cell.state | QStyle::State_Horizontal;
        bar.palette = cell.palette;
        bar.minimum = 0;
        bar.maximum = 100;
        bar.progress = percentage.toInt();
        bar.text = QString::number(bar.progress) + " %";
        bar.textVisible = true;
        bar.textAlignment = Qt::AlignCenter;
        QApplication::style()->drawControl(QStyle::CE_ProgressBar, &bar, painter);
    }
};

/// The rows, each found by its task id.
class task_list final : public QTreeWidget {
  public:
    enum column { test_number, progress, current, task_id, result, divisor, columns };

    explicit task_list(QWidget* parent = nullptr) : QTreeWidget(parent), bars_(this) {
        setHeaderLabels({"Test Number", "Progress", "Current", "Task ID", "Result", "First Divisor"});
        setColumnCount(columns);
        setRootIsDecorated(false);
        setSelectionMode(ExtendedSelection);
        setUniformRowHeights(true);
        setItemDelegateForColumn(progress, &bars_);
        constexpr std::array widths{95, 140, 75, 75, 90, 100};
        for (int each = 0; each != columns; ++each)
            setColumnWidth(each, widths.at(static_cast<std::size_t>(each)));
    }

    void add(number n, const std::string& id) {
        auto* const row = new QTreeWidgetItem{
            this, {QString::number(n), "Not Started", "1", QString::fromStdString(id), "---", "---"}};
        for (const column each : {test_number, current, divisor})
            row->setTextAlignment(each, Qt::AlignRight | Qt::AlignVCenter);
        running_.emplace(id, row);
    }
    void show_progress(const std::string& id, int percentage, number latest_prime) {
        QTreeWidgetItem& row = *running_.at(id);
        row.setText(progress, {});
        row.setData(progress, progress_bar_delegate::percentage_role, percentage);
        row.setText(current, QString::number(latest_prime));
    }
    void show_result(const std::string& id, const primality& found) {
        QTreeWidgetItem& row = end(id, found.is_prime            ? "Prime"
                                       : found.first_divisor > 0 ? "Composite"
                                                                 : "Not prime");
        if (found.first_divisor > 0)
            row.setText(divisor, QString::number(found.first_divisor));
        paint(row, QColor{"lightgray"}, QColor{"black"});
    }
    void show_cancelled(const std::string& id) {
        paint(end(id, "Canceled"), QColor{"pink"}, QColor{"black"});
    }
    void show_error(const std::string& id, const char* what) {
        QTreeWidgetItem& row = end(id, "Error");
        row.setToolTip(result, what);
        paint(row, QColor{"firebrick"}, QColor{"white"});
    }

    bool is_running(const std::string& id) const { return running_.contains(id); }
    std::size_t running() const noexcept { return running_.size(); }
    std::vector<std::string> selected_and_running() const {
        std::vector<std::string> ids;
        for (const QTreeWidgetItem* const each : selectedItems())
            if (auto id = each->text(task_id).toStdString(); is_running(id))
                ids.push_back(std::move(id));
        return ids;
    }

  private:
    QTreeWidgetItem& end(const std::string& id, const char* how) {
        QTreeWidgetItem& row = *running_.at(id);
        row.setText(result, how);
        running_.erase(id);
        return row;
    }
    static void paint(QTreeWidgetItem& row, const QColor& background, const QColor& text) {
        for (int each = 0; each != columns; ++each) {
            row.setBackground(each, background);
            row.setForeground(each, text);
        }
    }

    progress_bar_delegate bars_;
    std::unordered_map<std::string, QTreeWidgetItem*> running_; // the rows are the tree's
};

} // namespace primes

#endif
