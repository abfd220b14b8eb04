/// \file
/// Array: an n-dimensional array of numbers. It has no idea what a gradient is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/dtype.h"
#include "gradus/shape.h"
#include "gradus/storage.h"

namespace gradus {

/// A value: shared storage, an offset into it, a shape, strides and a dtype.
///
/// Copying an Array copies the handle, not the numbers. Views (reshape, transpose, permute, slice,
/// expand) are Arrays that look at the same storage through other strides; they cost nothing:
///
///     x          shape [2, 3]  strides [3, 1]     0 1 2 / 3 4 5
///     x transposed     [3, 2]          [1, 3]     the same six numbers, walked the other way
///     x.slice(1, 0, 2) [2, 2]          [3, 1]     0 1 / 3 4
///
/// Where an axis or an index is negative, it counts from the end.
class Array {
 public:
  /// No storage at all; is_empty_handle() is true and every other question is an error or 0.
  Array() = default;
  /// Another handle on the same storage. Copies end in array.cpp, as Tensor's and Saved's do in
  /// theirs: written into every op, the counting of holders would be most of its code.
  Array(const Array& other);
  /// The same, and `other` becomes an empty handle.
  Array(Array&& other) noexcept;
  /// Holds what `other` holds.
  Array& operator=(const Array& other);
  /// The same, and `other` becomes an empty handle.
  Array& operator=(Array&& other) noexcept;
  /// The last holder frees the storage.
  ~Array();
  /// New row-major storage whose values are not yet set. \throws Error if a size is negative or the
  /// system has not so much memory.
  Array(const Shape& shape, DType dtype);

  /// A new array of zeros (`false` in a mask).
  static Array zeros(const Shape& shape, DType dtype = DType::float32);
  /// A new array of one value everywhere.
  static Array full(const Shape& shape, double value, DType dtype = DType::float32);
  /// A new array of given values in row-major order: `Array::of({1, 2, 3, 4}, {2, 2})`.
  /// \throws Error unless there are as many values as the shape has elements.
  static Array of(const std::vector<double>& values, const Shape& shape,
                  DType dtype = DType::float32);
  /// The same for token ids, labels and other indices: int64.
  static Array of_indices(const std::vector<int64_t>& values, const Shape& shape);
  /// The same for masks: bool.
  static Array of_bools(const std::vector<bool>& values, const Shape& shape);
  /// A single number: rank 0, shape [].
  static Array scalar(double value, DType dtype = DType::float32) { return full({}, value, dtype); }

  /// True if there is no array here at all (one without elements is an array).
  bool is_empty_handle() const { return storage_ == nullptr; }
  /// The size of each axis.
  const Shape& shape() const { return shape_; }
  /// How far apart neighbours along each axis lie in memory, in elements.
  const Strides& strides() const { return strides_; }
  /// Where the first element stands in the storage, in elements.
  int64_t offset() const { return offset_; }
  /// The number of axes.
  int rank() const { return shape_.rank(); }
  /// The size of one axis. \throws Error if there is no such axis.
  int64_t size(int axis) const { return shape_[axis]; }
  /// The number of elements.
  int64_t numel() const { return numel_; }
  /// The type of the elements.
  DType dtype() const { return dtype_; }

  /// True if the elements lie row-major without gaps: shape alone says where each one is.
  bool is_contiguous() const;
  /// True if the elements fill one block without gaps or overlaps, in any order of the axes.
  bool is_dense() const;
  /// True if one place in memory stands for several elements, as after expand: such an array cannot
  /// be written to.
  bool repeats_elements() const;
  /// True if no other Array, view or saved tensor holds this storage.
  bool is_unique() const { return storage_.use_count() == 1; }
  /// The block of memory behind this array. \throws Error for an empty handle.
  Storage& storage() const;
  /// The storage without holding it: an observer can tell it from any other, even later.
  std::weak_ptr<const Storage> storage_identity() const { return storage_; }
  /// True if the two look at the same storage.
  bool shares_storage_with(const Array& other) const {
    return storage_ != nullptr && storage_ == other.storage_;
  }

  /// The first element, for reading. \throws Error if T is not the dtype.
  template <class T>
  const T* data() const {
    return static_cast<const T*>(pointer(dtype_of<T>));
  }
  /// The first element, for writing: counts as a write of the storage (see Saved). \throws Error if
  /// T is not the dtype.
  template <class T>
  T* mutable_data() {
    T* first = static_cast<T*>(pointer(dtype_of<T>));
    storage_->bump_version();
    return first;
  }

  // ---- views: the same storage, seen differently ----

  /// The same elements in the same order under another shape; one size may be -1. A view where
  /// strides allow it, otherwise a copy. \throws Error if the number of elements differs.
  Array reshape(const Shape& shape) const;
  /// Two axes exchanged; by default the last two. \throws Error if there is no such axis.
  Array transpose(int axis_a = -2, int axis_b = -1) const;
  /// Axis i of the result is axis order[i] of this. \throws Error unless `order` names every axis
  /// once.
  Array permute(const Axes& order) const;
  /// Elements start, start + step, ... before stop along an axis (Python's slice; start and stop
  /// are clamped to the axis, negative ones count from the end). \throws Error if there is no such
  /// axis or step < 1.
  Array slice(int axis, int64_t start, int64_t stop, int64_t step = 1) const;
  /// Element `index` along an axis, which disappears. \throws Error if it is out of range.
  Array select(int axis, int64_t index) const;
  /// Axes of size 1, and new leading axes, repeated to `shape` with stride 0. \throws Error if this
  /// shape does not broadcast to it.
  Array expand(const Shape& shape) const;
  /// A new axis of size 1 before `axis`; -1 makes it the last one. \throws Error if `axis` is out
  /// of range.
  Array unsqueeze(int axis) const;

  // ---- copies ----

  /// This if it is contiguous, otherwise a row-major copy.
  Array contiguous() const { return is_contiguous() ? *this : clone(); }
  /// A row-major copy in storage of its own.
  Array clone() const;
  /// A copy of another dtype; this if it already has that dtype. To int64, fractions are cut off.
  /// \throws Error where NaN or a number beyond 64 bits should become int64.
  Array to(DType dtype) const;
  /// Copies the elements of `source`, of the same shape and dtype, into this array's storage; the
  /// two may overlap. \throws Error if shapes or dtypes differ, or this array repeats elements.
  void copy_from(const Array& source);

  // ---- single elements, for people and tests ----

  /// The one element of an array that has one. \throws Error if there are none or several.
  double item() const;
  /// The element at the given index, one number per axis: `x.at({1, -1})`. \throws Error if there
  /// is no such element.
  double at(const Shape& index) const;
  /// All elements in row-major order.
  std::vector<double> to_vector() const;
  /// The values as text: nested brackets, at most a few rows and columns of a large one.
  std::string to_string(int precision = 4) const;

  /// An uninitialised, dense array of this shape and dtype whose axes lie in memory in this one's
  /// order.
  Array empty_like() const;

 private:
  void* pointer(DType expected) const;
  Strides dense_strides() const;
  Array view(int64_t offset, const Shape& shape, const Strides& strides) const;

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0, numel_ = 0;
  Shape shape_;
  Strides strides_;
  DType dtype_ = DType::float32;
};

/// An array and what it is called: an entry of a state dictionary, an input in a report.
struct NamedArray {
  std::string name;  ///< "blocks.0.norm1.weight"
  Array value;       ///< shares its memory with whatever else holds it
};

/// The dtype's name, or "no array" for an empty handle: what an error says it was given.
std::string_view dtype_name(const Array& a);

/// `a` itself if nobody else holds its storage and it is dense, so that the caller may write its
/// result there; otherwise new memory of the same shape. The caller must read each element before
/// writing it.
Array reuse_or_allocate(const Array& a);

}  // namespace gradus
