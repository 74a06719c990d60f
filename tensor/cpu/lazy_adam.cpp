// Rows of a table that wait until somebody needs them: see nn/lazy_adam.h for the method and its formulas.
//
// A row's way from its last step to the present is a few numbers (Motion), found in double precision for a block of
// rows at a time, and one pass over its elements.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/simd.h"
#include "tensor/lazy_adam_quadrature.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

using Record = LazyAdamRecord;
using Constants = LazyAdamConstants;

constexpr int64_t block_rows = 64;
constexpr int64_t rows_per_task = 256;
constexpr int64_t slot_mask = lazy_adam_steps - 1;
static_assert((lazy_adam_steps & slot_mask) == 0);

/// The views of a table as pointers.
struct Table {
  float *w, *m, *v;
  const float* max_v;
  int32_t* last;
  double* settled_decay;
  const double* record;
  const double* constants;
  int64_t dim, step, window;
  double eps;

  explicit Table(const LazyAdamTable& table)
      : w(table.w.as<float>()),
        m(table.m.as<float>()),
        v(table.v.as<float>()),
        max_v(table.max_v.as<float>()),
        last(table.last.as<int32_t>()),
        settled_decay(table.settled_decay.as<double>()),
        record(table.record.as<double>()),
        constants(table.constants.as<double>()),
        dim(table.w.shape[1]),
        step(table.step()),
        window(table.window),
        eps(table.eps) {}

  double recorded(Record::Field field, int64_t s) const { return record[field * lazy_adam_steps + (s & slot_mask)]; }
  double constant(Constants::Field field, int64_t j) const { return constants[field * lazy_adam_steps + j]; }
  double share(int i, int64_t age) const { return constant(Constants::Field(Constants::share0 + i), window - age); }
  int64_t exact_terms_of(int64_t s) const {
    return static_cast<int64_t>(constant(Constants::exact_terms, std::min(s, lazy_adam_steps - 1)));
  }
};

/// How a row moves: w -= decay * w + m * (the sum of Terms + (a * r + b) / (u + c * r + d)), with u the second moment
/// and r its root; then m *= fade_m, v *= fade_v.
struct Motion {
  float decay = 0, fade_m = 1, fade_v = 1;
  float a = 0, b = 0, c = 0, d = 1;
};

/// Terms of the sum that are taken as they are: weight / (r + offset).
struct Terms {
  int64_t count = 0;
  float weight[lazy_adam_steps], offset[lazy_adam_steps];
};

/// The logarithm of what w of a row is multiplied by from step s to the present.
double log_decay_since(const Table& table, int64_t s) {
  return table.recorded(Record::log_decay, table.step) - table.recorded(Record::log_decay, s);
}

/// The same as a factor, and as what the factor lacks to 1, exact for small decays too.
double kept_since(const Table& table, int64_t s) {
  return table.settled_decay ? std::exp(log_decay_since(table, s)) : 1;
}
float lost_since(const Table& table, int64_t s) {
  return table.settled_decay ? static_cast<float>(-std::expm1(log_decay_since(table, s))) : 0;
}

/// Moments of step s as of now: the record's own do not change any more when the row has come to rest.
void load_moments(const Table& table, int64_t s, double* moments, int64_t stride) {
  const double factor = table.step - s > table.window ? kept_since(table, s + table.window) : 1;
  for (int i = 0; i < 4; ++i) moments[i * stride] = factor * table.recorded(Record::Field(Record::moment0 + i), s);
}

/// Rows that have something to catch up, for which the quadrature alone is good enough; motions of a block at a time.
class DueRows {
 public:
  void add(const Table& table, int64_t row, int64_t place, int64_t s) {
    // By the time the motions are known the rows have arrived.
    for (int64_t i = row * table.dim; i < (row + 1) * table.dim; i += 16) {
      __builtin_prefetch(table.w + i, 1);
      __builtin_prefetch(table.m + i, 1);
      __builtin_prefetch(table.v + i, 1);
    }
    row_[count_] = row;
    place_[count_] = place;
    load_moments(table, s, moments_ + count_, block_rows);
    decay_[count_] = lost_since(table, s);
    fade_m_[count_] = static_cast<float>(table.constant(Constants::power1, table.step - s));
    fade_v_[count_] = static_cast<float>(table.constant(Constants::power2, table.step - s));
    ++count_;
  }

  /// Calls visit(row, place, motion, no terms) for all rows, and forgets them.
  template <class Visit>
  void flush(const Table& table, Visit&& visit) {
    find_quadratures(table.eps);
    for (int64_t i = 0; i < count_; ++i)
      visit(row_[i], place_[i], Motion{decay_[i], fade_m_[i], fade_v_[i], a_[i], b_[i], c_[i], d_[i]}, nullptr);
    count_ = 0;
  }

 private:
  using Vector = Simd<double>::Vector;
  typedef float Floats __attribute__((vector_size(vector_bytes / 2)));

  void find_quadratures(double eps) {
    const auto moments = [&](int power, int64_t i) { return Simd<double>::load(moments_ + power * block_rows + i); };
    const auto store = [](float* to, Vector x) {
      const Floats narrow = __builtin_convertvector(x, Floats);
      std::memcpy(to, &narrow, sizeof narrow);
    };
    for (int64_t i = 0; i < count_; i += Simd<double>::lanes) {
      const LazyAdamQuadrature<Vector> q(moments(0, i), moments(1, i), moments(2, i), moments(3, i), eps);
      store(a_ + i, q.a);
      store(b_ + i, q.b);
      store(c_ + i, q.c);
      store(d_ + i, q.d);
    }
  }

  int64_t count_ = 0;
  int64_t row_[block_rows], place_[block_rows];
  double moments_[4 * block_rows] = {};
  float decay_[block_rows], fade_m_[block_rows], fade_v_[block_rows];
  float a_[block_rows], b_[block_rows], c_[block_rows], d_[block_rows];
};

/// The first `count` steps after step s as terms; what the moments count beyond them becomes the quadrature.
Motion find_terms(const Table& table, int64_t s, int64_t count, Terms& terms) {
  const int64_t n = table.step - s;
  double all[4], rest[4];
  load_moments(table, s, all, 1);
  std::copy_n(all, 4, rest);
  for (int64_t j = 1; j <= count; ++j) {
    const double d = table.recorded(Record::root, s + j) * table.constant(Constants::stretch, j);
    double p = table.recorded(Record::rate, s + j) * table.recorded(Record::root, s + j) * table.share(0, j) *
               kept_since(table, s + j);
    terms.weight[j - 1] = static_cast<float>(p);
    terms.offset[j - 1] = static_cast<float>(table.eps * d);
    for (double& moment : rest) {
      moment -= p;
      p *= d;
    }
  }
  terms.count = count;
  // Of a rest that is nothing but rounding no quadrature can be made.
  const bool more = n > count && rest[0] > 1e-8 * all[0];
  const LazyAdamQuadrature<double> q(more ? rest[0] : 0, rest[1], rest[2], rest[3], table.eps);
  return {lost_since(table, s),
          static_cast<float>(table.constant(Constants::power1, n)),
          static_cast<float>(table.constant(Constants::power2, n)),
          static_cast<float>(q.a),
          static_cast<float>(q.b),
          static_cast<float>(q.c),
          static_cast<float>(q.d)};
}

/// The motion of a row that is settled, or was never stepped.
Motion settled_motion(const Table& table, int64_t row, const double beta2) {
  Motion motion;
  const int64_t s = -int64_t{table.last[row]};
  if (s > 0) motion.fade_v = static_cast<float>(std::pow(beta2, static_cast<double>(table.step - s)));
  if (table.settled_decay)
    motion.decay =
        static_cast<float>(-std::expm1(table.recorded(Record::log_decay, table.step) - table.settled_decay[row]));
  return motion;
}

/// Calls due(row, place, motion, terms or null) for rows [begin, end) of the list that have something to catch up, and
/// current(row, place) for the others.
template <class Due, class Current>
void for_rows(const Table& table, const int64_t* rows, int64_t begin, int64_t end, Due&& due, Current&& current) {
  DueRows block;
  Terms terms;
  for (int64_t first = begin; first < end; first += block_rows) {
    for (int64_t place = first; place < std::min(first + block_rows, end); ++place) {
      const int64_t row = rows[place];
      if (row < 0) continue;
      const int64_t s = table.last[row], n = table.step - s;
      if (n == 0 || (s == 0 && !table.settled_decay)) {
        current(row, place);
      } else if (s <= 0) {
        due(row, place, settled_motion(table, row, table.constant(Constants::power2, 1)), nullptr);
      } else if (const int64_t exact = std::min(n, table.exact_terms_of(s)); exact > 0) {
        const Motion motion = find_terms(table, s, exact, terms);
        due(row, place, motion, &terms);
      } else {
        block.add(table, row, place, s);
      }
    }
    block.flush(table, due);
  }
}

/// out = w after the motion, for the n elements of a row. `Write`: m and v fade too.
template <bool Write, bool Exact>
void move_row(float* out, const float* w, float* m, float* v, const float* second, int64_t n, const Motion& motion,
              const Terms* terms) {
  using Vector = Simd<float>::Vector;
  const Motion by = motion;
  for_vectors<float>(n, [=](int64_t i, auto access) {
    const Vector first = access.load(m + i);
    const Vector u = access.load(second + i);
    const Vector r = square_root<float>(u);
    Vector sum = (by.a * r + by.b) * reciprocal<float>(u + by.c * r + by.d);
    if constexpr (Exact) {
      for (int64_t j = 0; j < terms->count; ++j) sum += terms->weight[j] * reciprocal<float>(r + terms->offset[j]);
    }
    const Vector before = access.load(w + i);
    access.store(out + i, before - before * by.decay - first * sum);
    if constexpr (Write) {
      access.store(m + i, without_denormals<float>(first * by.fade_m));
      access.store(v + i, without_denormals<float>(access.load(v + i) * by.fade_v));
    }
  });
}

template <bool Write>
void move_row(float* out, const Table& table, int64_t row, const Motion& motion, const Terms* terms) {
  const int64_t at = row * table.dim;
  const float* const second = (table.max_v ? table.max_v : table.v) + at;
  if (terms)
    move_row<Write, true>(out, table.w + at, table.m + at, table.v + at, second, table.dim, motion, terms);
  else
    move_row<Write, false>(out, table.w + at, table.m + at, table.v + at, second, table.dim, motion, nullptr);
}

/// Adds a step's share to the moments of the steps [begin, end) before it, which lie one after the other in the ring.
void add_shares(double* record, const double* constants, int64_t step, int64_t begin, int64_t end, int64_t window,
                double rate_now, double root_now, double keep) {
  double factor = rate_now;
  for (int power = 0; power < 4; ++power) {
    factor *= root_now;
    double* const moments = record + (Record::moment0 + power) * lazy_adam_steps + (begin & slot_mask);
    const double* const shares = constants + (Constants::share0 + power) * lazy_adam_steps + window - (step - begin);
    for (int64_t i = 0; i < end - begin; ++i) moments[i] = keep * moments[i] + factor * shares[i];
  }
}

void enter_step(double* record, const double* constants, int64_t step, int64_t window, const AdamStep& adam) {
  const auto field = [&](Record::Field which, int64_t s) -> double& {
    return record[which * lazy_adam_steps + (s & slot_mask)];
  };
  const double keep = adam.decoupled ? 1 - adam.lr * adam.weight_decay : 1;
  const double rate_now = adam.lr / adam.bias_correction1, root_now = std::sqrt(adam.bias_correction2);
  const int64_t oldest = std::max<int64_t>(1, step - window);
  const int64_t wrap = std::max(oldest, step & ~slot_mask);  // the first step that lies at the start of the ring again
  add_shares(record, constants, step, oldest, wrap, window, rate_now, root_now, keep);
  add_shares(record, constants, step, wrap, step, window, rate_now, root_now, keep);
  for (const auto moment : {Record::moment0, Record::moment1, Record::moment2, Record::moment3})
    field(moment, step) = 0;
  field(Record::rate, step) = rate_now;
  field(Record::root, step) = root_now;
  field(Record::log_decay, step) =
      keep == 1 ? field(Record::log_decay, step - 1) : field(Record::log_decay, step - 1) + std::log(keep);
}

}  // namespace

void CpuBackend::lazy_adam_commit(const LazyAdamTable& views, const View& rows) {
  const Table table(views);
  parallel_for(rows.numel(), rows_per_task, [&](int64_t begin, int64_t end) {
    const auto due = [&](int64_t row, int64_t, const Motion& motion, const Terms* terms) {
      move_row<true>(table.w + row * table.dim, table, row, motion, terms);
      table.last[row] = static_cast<int32_t>(table.step);
    };
    for_rows(table, rows.as<int64_t>(), begin, end, due, [](int64_t, int64_t) {});
  });
}

void CpuBackend::lazy_adam_settle(const LazyAdamTable& views) {
  const Table table(views);
  const SettledPart part = settled_part(views.w.shape[0], table.window, table.step);
  for (int64_t row = part.begin; row < part.end; ++row) {
    const int32_t last = table.last[row];
    if (last <= 0 || table.step - last <= table.window) continue;
    const auto due = [&](int64_t, int64_t, Motion motion, const Terms* terms) {
      motion.fade_m = 0;
      motion.fade_v = 1;
      move_row<true>(table.w + row * table.dim, table, row, motion, terms);
      table.last[row] = -last;
      if (table.settled_decay) table.settled_decay[row] = table.recorded(Record::log_decay, table.step);
    };
    for_rows(table, &row, 0, 1, due, [](int64_t, int64_t) {});
  }
}

void CpuBackend::lazy_adam_read(const View& out, const LazyAdamTable& views, const View& rows) {
  const Table table(views);
  float* const to = out.as<float>();
  parallel_for(rows.numel(), rows_per_task, [&](int64_t begin, int64_t end) {
    for_rows(
        table, rows.as<int64_t>(), begin, end,
        [&](int64_t row, int64_t place, const Motion& motion, const Terms* terms) {
          move_row<false>(to + place * table.dim, table, row, motion, terms);
        },
        [&](int64_t row, int64_t place) { std::copy_n(table.w + row * table.dim, table.dim, to + place * table.dim); });
  });
}

void CpuBackend::lazy_adam_step(const LazyAdamTable& table, const View& rows, const View& grad,
                                const EachStep<AdamStep>& step) {
  const int64_t next = table.step() + 1;
  const AdamStep adam = step();
  adam_rows(
      table.w, rows, grad, table.m, table.v, table.max_v, [&adam] { return adam; }, false);
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const int64_t row = rows.as<int64_t>()[i];
    if (row >= 0) table.last.as<int32_t>()[row] = static_cast<int32_t>(next);
  }
  enter_step(table.record.as<double>(), table.constants.as<double>(), next, table.window, adam);
}

}  // namespace roux::cpu_kernels
