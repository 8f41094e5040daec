// Says for each piece in the files given whether Groovy itself can parse it: one line of JSON a piece.
// A file ending in .txt holds several pieces, each after a line that begins with %%%.
import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.MultipleCompilationErrorsException
import org.codehaus.groovy.control.Phases

args.each { path ->
    def text = new File(path).getText('UTF-8')
    def pieces = path.endsWith('.txt') ? text.split(/(?m)^%%%.*\n/).drop(1) : [text]
    pieces.eachWithIndex { source, number ->
        def unit = new CompilationUnit()
        unit.addSource('WorkflowScript', source)
        def accepted = true
        try {
            unit.compile(Phases.CONVERSION)
        } catch (MultipleCompilationErrorsException ignored) {
            accepted = false
        }
        println JsonOutput.toJson([file: path, number: number, accepted: accepted])
    }
}
