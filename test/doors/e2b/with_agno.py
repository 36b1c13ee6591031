"""Agno's E2BTools: code, pictures, files and commands."""

from agno.tools.e2b import E2BTools

tools = E2BTools()
try:
    print(tools.run_python_code("6 * 7"))
    print("ZeroDivisionError" in str(tools.run_python_code("1 / 0")))
    print(tools.run_python_code("import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"))
    tools.write_file_content("a.txt", "text")
    print(tools.read_file_content("a.txt"))
    print(tools.run_command("echo $((6 * 7))"))
finally:
    print(tools.shutdown_sandbox())
