# The arguments lie in arguments.json; what is printed is the answer.
up_to=$(jq .upTo arguments.json)
for ((n = 1; n <= up_to; n++)); do
  echo "$n squared is $((n * n))"
done
