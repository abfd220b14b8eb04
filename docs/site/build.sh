#!/usr/bin/env bash
# Makes the site in build/docs/html. The lessons have left their pictures and pages in build/docs.
set -eu
cd "$(dirname "$0")/../.."
out=build/docs
rm -rf $out/html $out/output
mkdir -p $out/html $out/output $out/pictures
find lessons/expected -name "*.txt" -exec awk -v out=$out/output -f docs/site/outputs.awk {} \;
doxygen docs/Doxyfile
PYTHONDONTWRITEBYTECODE=1 python3 docs/site/finish.py $out/html

# Of MathJax only what a page asks for: TeX in, SVG out.
mathjax=/usr/share/javascript/mathjax
for part in MathJax.js extensions/tex2jax.js extensions/MathEvents.js extensions/MathMenu.js extensions/MathZoom.js \
    extensions/TeX jax/input/TeX jax/output/SVG/config.js jax/output/SVG/jax.js \
    jax/output/SVG/autoload jax/output/SVG/fonts/TeX jax/element/mml; do
  mkdir -p "$out/html/mathjax/$(dirname $part)"
  cp -rL $mathjax/$part $out/html/mathjax/$part
done
echo "The documentation is $out/html/index.html"
