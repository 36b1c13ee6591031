# Make a PDF and read its text.
# needs: reportlab, pypdf
# result: {"pages":1,"text":"Total: 42"}
# file: note.pdf application/pdf
from reportlab.pdfgen import canvas
from pypdf import PdfReader

def main():
    c = canvas.Canvas("note.pdf")
    c.drawString(100, 750, "Total: 42")
    c.save()
    reader = PdfReader("note.pdf")
    return {"pages": len(reader.pages), "text": reader.pages[0].extract_text().strip()}
