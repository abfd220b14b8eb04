# compile_commands.awk: the compilations among the commands that `make -n` prints, as a JSON array for
# clangd and its like. -v dir=DIRECTORY is where they are run.
function json(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/"/, "\\\"", text)
  gsub(/\t/, "\\t", text)
  return "\"" text "\""
}
BEGIN { printf "[" }
NF > 4 && $(NF - 3) == "-c" && $(NF - 1) == "-o" && $(NF - 2) ~ /\.cpp$/ && $NF ~ /\.o$/ {
  printf "%s\n{\"directory\": %s,\n \"command\": %s,\n \"file\": %s,\n \"output\": %s}",
         (n++ ? "," : ""), json(dir), json($0), json($(NF - 2)), json($NF)
}
END { print "\n]" }
