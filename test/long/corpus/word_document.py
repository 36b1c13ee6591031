# A letter as a Word file.
# needs: docx
# arguments: {"name": "王芳"}
# result: ["Report","For 王芳"]
# file: letter.docx application/vnd.openxmlformats-officedocument.wordprocessingml.document
from docx import Document

def main(name):
    doc = Document()
    doc.add_heading("Report", 0)
    doc.add_paragraph(f"For {name}")
    table = doc.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text = "a"
    doc.save("letter.docx")
    return [p.text for p in Document("letter.docx").paragraphs]
