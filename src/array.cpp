#include "gradus/array.h"

#include <cmath>
#include <cstring>

#include "out_of_memory.h"
#include "strided_loop.h"

namespace gradus {
namespace {

// Copies src to dst element by element, both of `shape`, casting From to To.
template <class To, class From>
void copy_strided(To* dst, const Strides& dst_strides, const From* src, const Strides& src_strides,
                  const Shape& shape) {
  const StridedLoop<2> loop(shape, {dst_strides, src_strides});
  const auto [d_step, s_step] = loop.row_stride();
  const bool plain = std::is_same_v<To, From> && d_step == 1 && s_step == 1;
  loop.for_each_run([=, d = d_step, s = s_step](const auto& offsets, int64_t n) {
    To* out = dst + offsets[0];
    const From* in = src + offsets[1];
    if (plain)
      std::memcpy(out, in, static_cast<size_t>(n) * sizeof(To));
    else
      for (int64_t i = 0; i < n; ++i) out[i * d] = static_cast<To>(in[i * s]);
  });
}

// The strides that `shape` needs to walk a's elements in their order without a copy, if there are
// any. Each run of axes that lie adjacent in `a` can be cut anew; nothing can be merged across a
// gap.
bool view_strides(const Array& a, const Shape& shape, Strides& result) {
  result = contiguous_strides(shape);
  if (a.is_contiguous() || a.numel() == 0) return true;
  int out = shape.rank() - 1;
  for (int in = a.rank() - 1; in >= 0;) {
    int64_t run = a.size(in), stride = a.strides()[in];
    for (--in; in >= 0 && (a.size(in) == 1 || a.strides()[in] == stride * run); --in)
      run *= a.size(in);
    for (int64_t made = 1; out >= 0 && (made < run || shape[out] == 1); --out) {
      result[out] = stride * made;
      made *= shape[out];
      if (made > run || run % made != 0) return false;
    }
  }
  return out < 0;
}

}  // namespace

Array::Array(const Array&) = default;
Array::Array(Array&&) noexcept = default;
Array& Array::operator=(const Array&) = default;
Array& Array::operator=(Array&&) noexcept = default;
Array::~Array() = default;

Array::Array(const Shape& shape, DType dtype)
    : numel_(shape.numel()), shape_(shape), strides_(contiguous_strides(shape)), dtype_(dtype) {
  int64_t bytes = 0;
  check(!__builtin_mul_overflow(numel_, static_cast<int64_t>(size_of(dtype)), &bytes),
        "array: {} of {} needs more bytes than 64 bits can count", shape, name(dtype));
  storage_ = with_memory([&] { return std::make_shared<Storage>(static_cast<size_t>(bytes)); },
                         "array: {} of {}", shape, name(dtype));
}

Array Array::zeros(const Shape& shape, DType dtype) {
  Array result(shape, dtype);
  std::memset(result.storage_->data(), 0, result.storage_->bytes());
  return result;
}

Array Array::full(const Shape& shape, double value, DType dtype) {
  Array result(shape, dtype);
  dispatch(dtype, [&]<class T> {
    std::fill_n(result.mutable_data<T>(), result.numel(), static_cast<T>(value));
  });
  return result;
}

namespace {
template <class T, class Values>
Array from_values(const Values& values, const Shape& shape, DType dtype) {
  check(static_cast<int64_t>(values.size()) == shape.numel(), "array: {} values for the shape {}",
        values.size(), shape);
  Array result(shape, dtype);
  std::transform(values.begin(), values.end(), result.mutable_data<T>(),
                 [](auto value) { return static_cast<T>(value); });
  return result;
}
}  // namespace

Array Array::of(const std::vector<double>& values, const Shape& shape, DType dtype) {
  return dispatch(dtype, [&]<class T> { return from_values<T>(values, shape, dtype); });
}
Array Array::of_indices(const std::vector<int64_t>& values, const Shape& shape) {
  return from_values<int64_t>(values, shape, DType::int64);
}
Array Array::of_bools(const std::vector<bool>& values, const Shape& shape) {
  return from_values<bool>(values, shape, DType::boolean);
}

bool Array::is_contiguous() const {
  int64_t expected = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    if (shape_[axis] != 1 && strides_[axis] != expected) return numel_ == 0;
    expected *= shape_[axis];
  }
  return true;
}

// Views come from slicing, reordering and repeating axes, and only the last makes places meet.
bool Array::repeats_elements() const {
  for (int axis = 0; axis < rank(); ++axis)
    if (strides_[axis] == 0 && shape_[axis] > 1) return numel_ > 0;
  return false;
}

bool Array::is_dense() const { return is_contiguous() || strides_ == dense_strides(); }

Storage& Array::storage() const {
  check(storage_ != nullptr, "array: this handle holds no array");
  return *storage_;
}

void* Array::pointer(DType expected) const {
  if (expected != dtype_)
    fail("array: read as {}, but its dtype is {}", name(expected), name(dtype_));
  return static_cast<char*>(storage().data()) + offset_ * static_cast<int64_t>(size_of(dtype_));
}

Array Array::view(int64_t offset, const Shape& shape, const Strides& strides) const {
  Array result = *this;
  result.offset_ = offset;
  result.shape_ = shape;
  result.strides_ = strides;
  result.numel_ = shape.numel();
  return result;
}

Array Array::reshape(const Shape& requested) const {
  storage();  // an empty handle is an error, though it has as few elements as some shapes
  Shape shape = requested;
  int open = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    check(shape[axis] >= -1 && (shape[axis] != -1 || open == -1),
          "reshape: sizes must be >= 0, and one may be -1: {}", requested);
    if (shape[axis] == -1) shape[open = axis] = 1;
  }
  const int64_t known = shape.numel();
  if (open >= 0 && known > 0) shape[open] = numel_ / known;
  check((open < 0 || known > 0) && shape.numel() == numel_,
        "reshape: {} has {} elements, {} cannot hold them", shape_, numel_, requested);
  Strides strides;
  if (view_strides(*this, shape, strides)) return view(offset_, shape, strides);
  const Array copy = clone();
  return copy.view(0, shape, contiguous_strides(shape));
}

Array Array::transpose(int axis_a, int axis_b) const {
  const int a = normalize_axis("transpose", axis_a, rank()),
            b = normalize_axis("transpose", axis_b, rank());
  Shape shape = shape_;
  Strides strides = strides_;
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return view(offset_, shape, strides);
}

Array Array::permute(const Axes& order) const {
  check(static_cast<int>(order.size()) == rank(), "permute: {} axes named for a tensor of rank {}",
        order.size(), rank());
  Shape shape = shape_;
  Strides strides = strides_;
  std::array<bool, max_rank> seen{};
  for (int i = 0; i < rank(); ++i) {
    const int axis = normalize_axis("permute", order[static_cast<size_t>(i)], rank());
    check(!std::exchange(seen[static_cast<size_t>(axis)], true), "permute: axis {} is named twice",
          axis);
    shape[i] = shape_[axis];
    strides[i] = strides_[axis];
  }
  return view(offset_, shape, strides);
}

Array Array::slice(int axis, int64_t start, int64_t stop, int64_t step) const {
  axis = normalize_axis("slice", axis, rank());
  check(step >= 1, "slice: step must be at least 1, got {}", step);
  const int64_t size = shape_[axis];
  const auto clamped = [&](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size);
  };
  start = clamped(start);
  stop = std::max(start, clamped(stop));
  Shape shape = shape_;
  Strides strides = strides_;
  shape[axis] = (stop - start) / step + ((stop - start) % step != 0);
  strides[axis] *= shape[axis] > 1 ? step : 1;
  return view(offset_ + (shape[axis] > 0 ? start * strides_[axis] : 0), shape, strides);
}

Array Array::select(int axis, int64_t index) const {
  axis = normalize_axis("select", axis, rank());
  const int64_t size = shape_[axis];
  check(index >= -size && index < size, "select: index {} on axis {} of {}", index, axis, shape_);
  const int64_t i = index < 0 ? index + size : index;
  return view(offset_ + i * strides_[axis], shape_.erased(axis), strides_.erased(axis));
}

Array Array::expand(const Shape& shape) const {
  storage();  // as in reshape: an empty handle is an error
  check(broadcast(shape_, shape) == shape, "expand: {} does not expand to {}", shape_, shape);
  Strides strides = Shape::filled(shape.rank(), 0);
  for (int axis = -1; axis >= -rank(); --axis)
    if (shape_[axis] != 1 || shape[axis] == 1) strides[axis] = strides_[axis];
  return view(offset_, shape, strides);
}

Array Array::unsqueeze(int axis) const {
  axis = normalize_new_axis("unsqueeze", axis, rank());
  return view(offset_, shape_.inserted(axis, 1), strides_.inserted(axis, 1));
}

Array Array::clone() const {
  Array result(shape_, dtype_);
  result.copy_from(*this);
  return result;
}

Array Array::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  if (is_floating(dtype_) && dtype == DType::int64)
    for (const double x : to_vector()) check(x >= -0x1p63 && x < 0x1p63, "to: {} is no int64", x);
  Array result(shape_, dtype);
  dispatch(dtype_, [&]<class From> {
    dispatch(dtype, [&]<class To> {
      copy_strided(result.mutable_data<To>(), result.strides_, data<From>(), strides_, shape_);
    });
  });
  return result;
}

void Array::copy_from(const Array& source) {
  check(source.shape_ == shape_ && source.dtype_ == dtype_, "copy: {} {} into {} {}",
        name(source.dtype_), source.shape_, name(dtype_), shape_);
  check(!repeats_elements(), "copy: into {}, which was expanded: its elements share memory",
        shape_);
  if (shares_storage_with(source)) return copy_from(source.clone());  // they may overlap
  dispatch(dtype_, [&]<class T> {
    copy_strided(mutable_data<T>(), strides_, source.data<T>(), source.strides_, shape_);
  });
}

double Array::item() const {
  check(!is_empty_handle(), "item: this handle holds no array");
  check(numel_ == 1, "item: needs exactly one element, the shape is {}", shape_);
  return dispatch(dtype_, [&]<class T> { return static_cast<double>(*data<T>()); });
}

double Array::at(const Shape& index) const {
  check(index.rank() == rank(), "at: {} indices for the shape {}", index.rank(), shape_);
  Array element = *this;
  for (const int64_t i : index) element = element.select(0, i);
  return element.item();
}

std::vector<double> Array::to_vector() const {
  const Array doubles = to(DType::float64).contiguous();
  const double* first = doubles.data<double>();
  return with_memory([&] { return std::vector<double>(first, first + numel_); },
                     "to_vector: {} elements of {}", numel_, shape_);
}

namespace {
// Axes longer than this are printed with their middle left out.
constexpr int64_t shown_edge = 4;

void print(const Array& a, int precision, int indent, std::string& out) {
  if (a.rank() == 0) {
    const double value = a.item();
    if (a.dtype() == DType::boolean)
      out += value != 0 ? "true" : "false";
    else if (a.dtype() == DType::int64)
      out += fmt::format("{}", *a.data<int64_t>());
    else
      out += fmt::format("{:.{}f}", value, precision);
    return;
  }
  out += '[';
  const int64_t size = a.size(0);
  for (int64_t i = 0; i < size; ++i) {
    if (i > 0)
      out += a.rank() == 1 ? ", " : ",\n" + std::string(static_cast<size_t>(indent) + 1, ' ');
    if (size > 2 * shown_edge && i == shown_edge) {
      out += "...";
      i = size - shown_edge - 1;
      continue;
    }
    print(a.select(0, i), precision, indent + 1, out);
  }
  out += ']';
}
}  // namespace

std::string Array::to_string(int precision) const {
  if (is_empty_handle()) return "(no array)";
  std::string out;
  print(*this, precision, 0, out);
  return out;
}

// Dense strides that keep the order in which this array's axes lie in memory.
Strides Array::dense_strides() const {
  std::array<int, max_rank> order{};  // from the innermost axis outwards
  for (int axis = 0; axis < rank(); ++axis) {
    if (strides_[axis] == 0 && shape_[axis] != 1)
      return contiguous_strides(shape_);  // a repeated axis lies nowhere
    order[static_cast<size_t>(axis)] = rank() - 1 - axis;
  }
  std::stable_sort(order.begin(), order.begin() + rank(),
                   [&](int a, int b) { return strides_[a] < strides_[b]; });
  Strides dense = strides_;
  int64_t next = 1;
  for (int i = 0; i < rank(); ++i) {
    const int axis = order[static_cast<size_t>(i)];
    if (shape_[axis] != 1)
      dense[axis] = next;  // the stride of an axis of size 1 says nothing: left alone
    next *= shape_[axis];
  }
  return dense;
}

Array Array::empty_like() const {
  Array result(shape_, dtype_);
  if (!is_contiguous()) result.strides_ = dense_strides();
  return result;
}

std::string_view dtype_name(const Array& a) {
  return a.is_empty_handle() ? "no array" : name(a.dtype());
}

Array reuse_or_allocate(const Array& a) {
  return a.is_unique() && a.is_dense() ? a : a.empty_like();
}

}  // namespace gradus
